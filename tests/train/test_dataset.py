"""Training samples: unreadable images and augmentation."""

import shutil
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from facedet.core.data.dataset import DatasetSource
from facedet.core.detector.config import load_config
from facedet.core.train import finetune
from facedet.core.train.dataset import FaceDataset
from facedet.core.train.sampler import OrderSampler


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
        sampler = OrderSampler(len(dataset), 4, epochs=9)
        sampler.begin(epoch, first)
        loader = DataLoader(dataset, 1, sampler=sampler, num_workers=workers, collate_fn=lambda batch: batch[0])
        return [sample["inputs"] for sample in loader]

    whole, again, next_epoch = views(1, 0, 0), views(1, 3, 2), views(2, 0, 0)
    assert all(torch.equal(a, b) for a, b in zip(whole[12:], again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(whole, next_epoch, strict=True))
