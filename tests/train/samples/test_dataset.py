"""Training samples: unreadable images, augmentation, one way to resize."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.datasets import DatasetBuilder
from torch.utils.data import DataLoader

from facedet.configs import FOLDER
from facedet.data.dataset import DatasetSource
from facedet.data.image import read_image, to_input, write_png
from facedet.detector.config import load_config
from facedet.train import finetune
from facedet.train.samples.dataset import FaceDataset
from facedet.train.samples.sampler import OrderSampler, Place


def test_the_next_image_replaces_an_unreadable_one_and_it_is_reported(drawn: Path, quick: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    truncated = tmp_path / "set" / "images" / "train-000.png"
    truncated.write_bytes(truncated.read_bytes()[:2000])  # its header is complete
    dataset = FaceDataset(str(tmp_path / "set" / "train.json"), input_size=64, test_mode=True)
    sample = dataset[0]["data_samples"]
    assert sample.photo.path.name == "train-001.png"
    assert "train-000.png: cannot be read as an image" in sample.unreadable[0]
    small = tmp_path / "set" / "train.json"
    names = tmp_path / "names.txt"
    names.write_text("train-000\ntrain-001\ntrain-002\ntrain-003\n")
    val = drawn / "val.json"
    summary = finetune(quick, DatasetSource(small, names=names), val, work_dir=tmp_path / "run", epochs=1)
    assert any("train-000.png: cannot be read" in line for line in summary.left_out)


def test_a_view_depends_on_its_place_alone(drawn: Path) -> None:
    augment = load_config("tiny").train_dataloader.dataset.augment
    dataset = FaceDataset(str(drawn / "train.json"), input_size=64, augment=augment)

    def views(epoch: int, first: int, workers: int) -> list[torch.Tensor]:
        sampler = OrderSampler(len(dataset), 4, epochs=epoch + 1)
        sampler.begin(epoch, first)
        loader = DataLoader(dataset, 1, sampler=sampler, num_workers=workers, collate_fn=lambda batch: batch[0])
        return [sample["inputs"] for sample in loader]

    whole, again, next_epoch = views(1, 0, 0), views(1, 3, 2), views(2, 0, 0)
    assert all(torch.equal(a, b) for a, b in zip(whole[12:], again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(whole, next_epoch, strict=True))


def test_views_are_the_same_with_a_cache(drawn: Path, tmp_path: Path) -> None:
    augment = load_config("tiny").train_dataloader.dataset.augment
    settings = {"input_size": 64, "augment": augment}
    plain, cached = (FaceDataset(str(drawn / "train.json"), cache=cache, **settings) for cache in (None, tmp_path))
    for k in [*range(6), *range(6)]:  # decoded, then read from the cache
        a, b = plain[Place(k, 7)], cached[Place(k, 7)]
        assert torch.equal(a["inputs"], b["inputs"])
        assert torch.equal(a["data_samples"].gt_instances.bboxes, b["data_samples"].gt_instances.bboxes)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("name", [path.stem for path in FOLDER.glob("[!_]*.py")])
def test_training_resizes_a_large_photograph_as_inference_does(name: str, tmp_path: Path) -> None:
    """Fine noise shows the difference between two ways to resize: an average over areas leaves none of it."""
    rng = np.random.default_rng(0)
    builder = DatasetBuilder(tmp_path, seed=1)
    builder.annotate("large.png", (600, 450, 300, 300), width=2000, height=1500)
    write_png(rng.integers(0, 256, (1500, 2000, 3)).astype(np.uint8), builder.folder / "images" / "large.png")
    settings = dict(load_config(name).train_dataloader.dataset)
    plain = {key: value for key, value in settings.pop("augment").items() if key in ("keep_cut", "zoom_out", "rotate")}
    augment = {**plain, "zoom_out_p": 0, **({"rotate": 1e-9} if "rotate" in plain else {})}
    others = {key: value for key, value in settings.items() if key not in ("type", "mosaic", "repeat")}
    dataset = FaceDataset(str(builder.save().path), input_size=128, augment=augment, **others)
    view = dataset[Place(0, 0)]["inputs"].numpy().transpose(1, 2, 0).astype(int)
    image = read_image(builder.folder / "images" / "large.png")
    assert np.abs(view - to_input(image, (128, 128))).mean() < 3
    assert np.abs(view - cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)).mean() > 20


def test_mosaics_show_four_images_and_end_before_the_last_epochs(drawn: Path) -> None:
    dataset = FaceDataset(
        str(drawn / "train.json"), input_size=96, mosaic={"p": 1.0, "until": 0.8, "scale": (1.0, 1.0)}
    )
    counts = [
        [len(dataset[Place(k, k, progress)]["data_samples"].gt_instances) for k in range(24)] for progress in (0.5, 0.8)
    ]
    assert counts[1] == [int((~photo.ignored).sum()) for photo in dataset.faces.photos]
    assert sum(counts[0]) > 1.3 * sum(counts[1])
    again = FaceDataset(str(drawn / "train.json"), input_size=96, mosaic={"p": 1.0, "until": 0.8, "scale": (1.0, 1.0)})
    assert torch.equal(dataset[Place(3, 5, 0.1)]["inputs"], again[Place(3, 5, 0.1)]["inputs"])


def test_a_place_can_ask_for_another_size(drawn: Path) -> None:
    dataset = FaceDataset(str(drawn / "train.json"), input_size=96)
    sample = dataset[Place(0, 0, size=64)]
    assert sample["inputs"].shape == (3, 64, 64)
    assert sample["data_samples"].img_shape == (64, 64)
    assert dataset[Place(0, 0)]["inputs"].shape == (3, 96, 96)


def test_a_samples_scale_leads_back_to_the_pixels_of_its_photo(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path, seed=1)
    builder.add("wide.png", (100, 80, 60, 72))
    sample = FaceDataset(str(builder.save().path), input_size=96, test_mode=True)[0]["data_samples"]
    assert sample.photo.width != sample.photo.height
    faces = sample.gt_instances.bboxes / torch.tensor(sample.scale_factor).repeat(2)  # as `predict_by_feat` rescales
    np.testing.assert_allclose(faces, sample.photo.boxes, rtol=1e-5)
