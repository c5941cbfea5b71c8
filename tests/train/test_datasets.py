"""Several datasets in one run, and images without faces."""

import json
import math
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import torch
from helpers.formats import WRITERS, facedet
from mmengine.dataset import pseudo_collate

from facedet.common.errors import UserError
from facedet.data.dataset import dataset_source
from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.train import finetune
from facedet.train.samples.dataset import FaceDataset
from facedet.train.samples.datasets import cache_warnings
from facedet.train.samples.sampler import OrderSampler, Place


def test_a_run_uses_several_datasets_by_their_weights(drawn: Path, quick: Path, tmp_path: Path) -> None:
    sets = ["--train", drawn / "train.json", "--train", f"{drawn / 'val.json'}=1.5", "--val", drawn / "val.json"]
    done = facedet("train", quick, *sets, "--work-dir", tmp_path / "run", "--epochs", "1")
    assert done.exit_code == 0, done.output
    assert "training on 32 images, 2 of them background, with 65 faces (36 views per epoch)" in done.output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["train_images"], summary["train_faces"], summary["iterations"]) == (32, 65, 5)


def test_lists_belong_to_datasets_in_their_order(drawn: Path, quick: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("train-000\ntrain-001\n")
    (tmp_path / "b.txt").write_text("val-000\n")
    lists = ["--train-list", tmp_path / "a.txt", "--train-list", tmp_path / "b.txt"]
    sets = ["--train", drawn / "train.json", "--train", drawn / "val.json", "--val", drawn / "val.json"]
    done = facedet("train", quick, *sets, *lists, "--work-dir", tmp_path / "run", "--epochs", "1")
    assert "training on 3 images" in done.output
    done = facedet("train", quick, *sets, *lists[:2], "--work-dir", tmp_path / "other")
    assert done.exit_code == 2
    assert "give --train-list once for each --train" in done.output


def test_a_validation_list_with_images_of_training_is_refused(drawn: Path, quick: Path, tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("train-000\ntrain-001\n")
    (tmp_path / "val.txt").write_text("train-001\ntrain-002\n")
    train, val = (dataset_source(drawn / "train.json", names=tmp_path / f"{name}.txt") for name in ("train", "val"))
    with pytest.raises(UserError, match=r"val\.txt: lists 1 images that are trained on too \(first: .*train-001\.png"):
        finetune(quick, train, val, work_dir=tmp_path / "run")
    with pytest.raises(UserError, match=r"val\.txt: lists 2 images that are trained on too"):
        finetune(quick, drawn / "train.json", val, work_dir=tmp_path / "run")


def test_each_dataset_has_its_own_folder_of_images(drawn: Path, quick: Path, tmp_path: Path) -> None:
    sets = []
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
        shutil.copy(drawn / f"{name}.json", tmp_path / name)
        sets += [f"--{name}", tmp_path / name]
    folders = ["--train-images", drawn / "images", "--val-images", drawn / "images"]
    run = ["--work-dir", tmp_path / "run", "--epochs", "1"]
    done = facedet("train", quick, *sets, *folders, *run)
    assert done.exit_code == 0, done.output
    assert "training on 24 images" in done.output
    done = facedet("train", quick, *sets, *folders[:2], *run[:1], tmp_path / "other")
    assert done.exit_code == 2
    searched = f"no such file; searched in {tmp_path / 'val'}"
    assert searched in done.output, done.output
    assert "give the folder of the images with --images" in done.output
    for wrong, reason in (
        ([*folders, "--images", drawn], "give --train-images and --val-images without it"),
        ([*folders, "--train", drawn / "val.json"], "give --train-images once for each --train"),
    ):
        done = facedet("train", quick, *sets, *wrong, *run)
        assert (done.exit_code, reason in done.output) == (2, True), done.output


def test_a_run_on_zips_equals_one_on_folders(drawn: Path, quick: Path, tmp_path: Path) -> None:
    for name in ("train", "val"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.write(drawn / f"{name}.json", f"{name}/annotations/{name}.json")
            for image in (drawn / "images").glob(f"{name}-*"):
                archive.write(image, f"{name}/images/{image.name}")
    state = {}
    for form, folder in (("json", drawn), ("zip", tmp_path)):
        work_dir, settings = tmp_path / form, {"workers": 2, "seed": 1}
        train, val = (folder / f"{name}.{form}" for name in ("train", "val"))
        finetune(quick, train, val, work_dir=work_dir, epochs=1, **settings)
        state[form] = torch.load(work_dir / "last.pth", weights_only=False)["state_dict"]
    assert not (tmp_path / "train").exists()
    assert all(torch.equal(value, state["json"][name]) for name, value in state["zip"].items())


def test_views_come_from_all_datasets_by_their_weights(drawn: Path) -> None:
    more = [{"path": str(drawn / "val.json"), "weight": 0.5}]
    dataset = FaceDataset(str(drawn / "train.json"), more=more, repeat=2, input_size=64)
    assert dataset.parts == [(24, 48), (8, 8)]
    assert len(dataset) == 56
    chosen = Counter(dataset._image(index, seed) for index in range(56) for seed in (3, 4))
    assert chosen == {**dict.fromkeys(range(24), 4), **dict.fromkeys(range(24, 32), 2)}
    names = {dataset[place]["data_samples"].photo.path.name for place in OrderSampler(56, 8, 1, parts=dataset.parts)}
    assert len(names) == 32


@pytest.mark.parametrize("weight", [0, -1, math.nan])
def test_a_weight_that_is_not_positive_is_refused(weight: float, drawn: Path, quick: Path, tmp_path: Path) -> None:
    train = dataset_source(drawn / "train.json", weight=weight)
    with pytest.raises(UserError, match=r"train\.json: its weight is .*; give a number above 0"):
        finetune(quick, [train], drawn / "val.json", work_dir=tmp_path / "run")


def test_a_run_with_other_weights_is_not_resumed(drawn: Path, quick: Path, tmp_path: Path) -> None:
    run = {"val": drawn / "val.json", "work_dir": tmp_path / "run", "epochs": 2}
    train = drawn / "train.json"
    finetune(quick, train, **run)
    content = torch.load(tmp_path / "run" / "last.pth", weights_only=True)
    content["meta"].update(epoch=1, iter=3, validated=1)
    torch.save(content, tmp_path / "run" / "last.pth")
    with pytest.raises(UserError, match="resume with the same datasets and their weights"):
        finetune(quick, dataset_source(train, weight=2), resume=True, **run)


@pytest.mark.parametrize("format", WRITERS)
def test_images_without_faces_are_background_in_every_format(format: str, quick: Path, tmp_path: Path) -> None:
    WRITERS[format](tmp_path / format)
    dataset = FaceDataset(str(tmp_path / format / ("wider_face_split" if format == "wider" else "")), input_size=64)
    (k,) = [k for k, photo in enumerate(dataset.faces.photos) if photo.path.name == "c.jpg"]
    sample = dataset[Place(k, 0)]
    assert len(sample["data_samples"].gt_instances) == len(sample["data_samples"].ignored_instances) == 0


def test_background_alone_is_learned_from(drawn: Path, quick: Path) -> None:
    dataset = FaceDataset(str(drawn / "val.json"), input_size=96)
    empty = [k for k, photo in enumerate(dataset.faces.photos) if len(photo.boxes) == 0]
    assert len(empty) == 2
    network = build_detector(load_config(quick)).train()
    data = network.data_preprocessor(pseudo_collate([dataset[k] for k in empty]), training=True)
    loss, parts = network.parse_losses(network(**data, mode="loss"))
    loss.backward()
    assert parts["loss_cls"] > 0
    assert network.bbox_head.atss_cls.weight.grad.abs().max() > 0


def test_a_cache_that_is_too_small_is_said_at_the_start(drawn: Path, quick: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--cache-size: give --cache, the folder"):
        finetune(quick, str(drawn / "train.json"), str(drawn / "val.json"), cache_size=1.0, work_dir=tmp_path / "run")
    settings = {"input_size": 64, "cache": str(tmp_path / "cache")}
    small, large = (FaceDataset(str(drawn / "val.json"), **settings, cache_size=size) for size in (1e-5, 1))
    (line,) = cache_warnings(small, small)
    assert "cache: may hold 1e-05 GB, the decoded images take" in line
    assert not cache_warnings(large, large)
    small[Place(0, 0)]
    large[Place(0, 0)]
    assert len(list((tmp_path / "cache").iterdir())) == 1
