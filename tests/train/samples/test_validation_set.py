"""Warnings about validation datasets."""

import json
from pathlib import Path

import pytest
from helpers.datasets import altered_copy, clean_dataset

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.image import read_image
from facedet.train import finetune
from facedet.train.samples import validation_set
from facedet.train.samples.validation_set import shared_images, warnings_about


def test_near_duplicates_on_both_sides_are_named_once_before_training(drawn: Path, quick: Path, tmp_path: Path, capsys):
    builder = clean_dataset(tmp_path / "val", images=10, seed=8)
    copy = altered_copy(read_image(drawn / "images" / "train-003.png"))
    builder.add("copy.png", (100, 80, 60, 70), image=copy)
    finetune(quick, drawn / "train.json", builder.save(), work_dir=tmp_path / "run", epochs=1)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: 1 of 11 validation images are near-duplicates of training images (first: ")
    assert "copy.png), " in line
    assert "`facedet data split`" in line
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["warnings"] == [line.removeprefix("warning: ")]


def test_few_images_with_faces_are_a_warning_and_other_images_are_not(drawn: Path, tmp_path: Path) -> None:
    train = read_dataset(DatasetSource(drawn / "train.json"))
    builder = clean_dataset(tmp_path / "few", images=10, seed=8)
    builder.add("empty.png")
    builder.add("ignored.png", (100, 80, 60, 70), iscrowd=1)
    few = read_dataset(builder.save())
    more = read_dataset(clean_dataset(tmp_path / "more", images=11, seed=8).save())
    (line,) = warnings_about(train, few)
    assert line.startswith("only 10 of the validation images have faces, ")
    assert "`facedet data split`" in line
    assert not warnings_about(train, more)


def test_large_datasets_are_not_compared(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = read_dataset(DatasetSource(drawn / "val.json")).photos
    assert len(shared_images(photos, photos)) == 8
    monkeypatch.setattr(validation_set, "_MOST_IMAGES", 15)
    assert not shared_images(photos, photos)
    monkeypatch.setattr(validation_set, "_MOST_IMAGES", 16)
    monkeypatch.setattr(validation_set, "_MOST_PIXELS", 1e5)
    assert not shared_images(photos, photos)


def test_the_lists_of_the_real_faces_share_two_images(faces: Path) -> None:
    train, val = (read_dataset(DatasetSource(faces, names=faces / f"{name}.txt")) for name in ("train", "val"))
    assert len(shared_images(train.photos, val.photos)) == 2
    assert len(warnings_about(train, val)) == 1
