"""Several datasets become one: nothing is there twice, nothing is lost unsaid, near-duplicates stay on one side."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.datasets import GOOD_BOX, DatasetBuilder, altered_copy, clean_dataset
from helpers.formats import facedet
from helpers.odd import by_content, held, odd_dataset

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.merge import merge_datasets
from facedet.data.structures import Photo
from facedet.data.writers.table import TARGETS


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def read(path: Path, **options: object) -> list[Photo]:
    return read_dataset(DatasetSource(path, classes=("all",), **options)).photos  # type: ignore[arg-type]


def all_classes(*folders: Path, allow_losses: bool = True) -> list[DatasetSource]:
    return [DatasetSource(path, classes=("all",), allow_losses=allow_losses) for path in folders]


@pytest.mark.parametrize("to", TARGETS)
def test_two_sets_with_equal_names_become_one_and_stay_as_they_are(to: str, tmp_path: Path) -> None:
    sources = [odd_dataset(tmp_path / name, seed).path for seed, name in enumerate("ab")]
    before = files(tmp_path)
    path = merge_datasets(all_classes(*sources), tmp_path / "out", to)
    assert {file: data for file, data in files(tmp_path).items() if tmp_path / "out" not in file.parents} == before
    wanted, found = by_content([p for source in sources for p in read(source)]), by_content(read(path))
    assert wanted.keys() == found.keys()
    for content, photo in wanted.items():
        boxes, ignored, classes = held(photo, to)
        assert (found[content].boxes - boxes == 0).all()
        assert found[content].ignored.tolist() == ignored.tolist()
        assert found[content].classes == classes


def test_classes_of_one_name_are_one_class(tmp_path: Path) -> None:
    sources = [odd_dataset(tmp_path / name, seed).path for seed, name in enumerate("ab")]
    path = merge_datasets(all_classes(*sources), tmp_path / "out")
    names = [category["name"] for category in json.loads(path.read_text())["categories"]]
    assert len(names) == len(set(names)) == 4


def test_a_file_in_both_is_there_once_and_said(tmp_path: Path) -> None:
    first, second = clean_dataset(tmp_path / "a"), DatasetBuilder(tmp_path / "b", 2)
    for k in range(2):
        second.annotate(f"copy-{k}.png", GOOD_BOX, (200, 40, 50, 60))
        shutil.copy(first.folder / "images" / f"clean-{k}.png", second.folder / "images" / f"copy-{k}.png")
    second.add("own.png", GOOD_BOX)
    told: list[str] = []
    path = merge_datasets(
        all_classes(first.save().path, second.save().path, allow_losses=False), tmp_path / "out", tell=told.append
    )
    assert [photo.path.name for photo in read(path)] == [*(f"clean-{k}.png" for k in range(4)), "own.png"]
    assert len(told) == 1
    assert told[0].startswith("2 copies of files that are there already, with the same faces (first: ")
    assert told[0].endswith(f"copy-0.png is {first.folder / 'images' / 'clean-0.png'})")


def test_a_file_with_other_faces_is_a_loss_and_the_first_set_is_right(tmp_path: Path) -> None:
    first, second = clean_dataset(tmp_path / "a"), DatasetBuilder(tmp_path / "b", 2)
    for k in range(2):
        second.annotate(f"copy-{k}.png", (5, 5, 50, 60))
        shutil.copy(first.folder / "images" / f"clean-{k}.png", second.folder / "images" / f"copy-{k}.png")
    paths = [first.save().path, second.save().path]
    with pytest.raises(UserError, match=r"2 of 6 images contradict .* with other faces.*--allow-losses"):
        merge_datasets(all_classes(*paths, allow_losses=False), tmp_path / "out")
    photos = read(merge_datasets(all_classes(*paths), tmp_path / "out"))
    assert [len(photo.boxes) for photo in photos] == [2, 2, 2, 2]


def test_a_class_may_be_missing_in_one_of_the_sets_but_not_in_all(tmp_path: Path, made: Callable) -> None:
    paths = odd_dataset(tmp_path / "odd").path, made("voc")
    photos = read(merge_datasets([DatasetSource(path, classes=("with mask",)) for path in paths], tmp_path / "out"))
    assert {name for photo in photos for name in photo.classes} == {"with mask"}
    with pytest.raises(UserError, match="has no class 'nose'"):
        merge_datasets([DatasetSource(path, classes=("nose",)) for path in paths], tmp_path / "more")


@pytest.mark.parametrize("to", ["coco", "voc", "yolo"])
def test_near_duplicates_of_two_sets_stay_on_one_side(to: str, tmp_path: Path) -> None:
    first, second = clean_dataset(tmp_path / "a", images=6), clean_dataset(tmp_path / "b", images=6, seed=2)
    images = [first.add(f"shared-{k}.png", GOOD_BOX) for k in range(4)]
    for k, image in enumerate(images):
        second.add(f"like-{k}.png", GOOD_BOX, image=altered_copy(image))
    for seed in range(3):
        out = tmp_path / f"out-{seed}"
        path = merge_datasets(all_classes(first.save().path, second.save().path), out, to, val_share=0.4, seed=seed)
        sides = [{p.path for p in read(path, names=out / f"{part}.txt")} for part in ("train", "val")]
        assert (len(sides[0]), len(sides[1])) == (12, 8)
        assert not sides[0] & sides[1]
        held_out = {photo.stem for photo in sides[1]}
        assert all((f"shared-{k}" in held_out) == (f"like-{k}" in held_out) for k in range(4))
        if to == "yolo":
            assert [{p.path for p in read(path, split=part)} for part in ("train", "val")] == sides
        if to == "voc":
            lists = [(out / "ImageSets" / "Main" / f"{part}.txt").read_text().split() for part in ("train", "val")]
            assert [set(names) for names in lists] == [{photo.stem for photo in side} for side in sides]


def test_merge_works_from_the_command_line(made: Callable, tmp_path: Path) -> None:
    paths = made("voc"), clean_dataset(tmp_path / "clean").save().path
    out = tmp_path / "out"
    done = facedet("data", "merge", *paths, "-o", out, "--to", "yolo", "--val", "0.4", "--seed", 1, "--allow-losses")
    assert done.exit_code == 0, done.output
    assert f"wrote {out / 'data.yaml'}\n" in done.stdout
    counts = [len((out / f"{part}.txt").read_text().splitlines()) for part in ("train", "val")]
    assert sum(counts) == 7
    for part, count in zip(("train", "val"), counts, strict=True):
        assert f"wrote {out / f'{part}.txt'}: {count} images" in done.stdout
    assert "yolo cannot mark a face as ignored" in done.stderr
    for arguments, message in (
        ([*paths, "-o", out], "is not an empty folder"),
        ([*paths, "-o", paths[0] / "out"], "which is only read"),
        ([*paths, "-o", tmp_path / "new", "--val", "2"], "between 0 and 1"),
        ([*paths, "-o", tmp_path / "new", "--to", "via"], "'via' is not one of"),
    ):
        done = facedet("data", "merge", *arguments)
        assert done.exit_code == 2, done.output
        assert message in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_zip_and_a_folder_with_the_same_files_become_one(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path / "a")
    path = builder.save().path
    shutil.make_archive(str(tmp_path / "b"), "zip", tmp_path / "a")
    merged = read(merge_datasets(all_classes(path, tmp_path / "b.zip"), tmp_path / "out"))
    assert len(merged) == len(read(path)) == len(list((tmp_path / "out/images").iterdir()))
    assert by_content(merged).keys() == by_content(read(tmp_path / "b.zip")).keys()
