"""Batch sizes that fit, and gradient checkpointing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.dataset import pseudo_collate

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.train.configure import override
from facedet.train.machine.memory import checkpoint_gradients, extrapolate, fitting_batch_size
from facedet.train.options import TrainingOptions
from facedet.train.samples.dataset import FaceDataset
from facedet.train.setup import _fitting_batch_size


def test_the_batch_size_follows_from_two_measured_peaks() -> None:
    assert extrapolate((2, 6), [300, 500], 1000) == 16  # 200 for the network, 50 for each image
    assert extrapolate((2, 6), [300, 500], 999) == 15
    assert extrapolate((2, 6), [300, 500], 10) == 1
    assert extrapolate((2, 6), [500, 500], 1000) == 6


def test_on_a_cpu_the_batch_size_is_that_of_the_config(drawn: Path, quick: Path) -> None:
    config = load_config(quick)
    dataset = FaceDataset(str(drawn / "val.json"), input_size=96)
    assert fitting_batch_size(config, build_detector(config), dataset, "cpu") == config.train_dataloader.batch_size


def test_an_automatic_batch_is_not_larger_than_an_epoch(drawn: Path, quick: Path) -> None:
    config = load_config(quick)
    override(config, TrainingOptions(quick, drawn, drawn, work_dir="", accumulate=3))
    config.train_dataloader.batch_size = 99
    dataset = FaceDataset(str(drawn / "val.json"), input_size=96)
    assert _fitting_batch_size(config, build_detector(config), dataset, "cpu", None) == 2  # of 8 images in 3 batches


@pytest.mark.parametrize("frozen", [-1, 1])
def test_checkpointed_gradients_and_running_statistics_are_the_same(drawn: Path, quick: Path, frozen: int) -> None:
    dataset = FaceDataset(str(drawn / "val.json"), input_size=96)
    gradients, statistics = [], []
    for checkpointed in (False, True):
        torch.manual_seed(0)
        config = load_config(quick)
        config.model.backbone.frozen_stages = frozen
        network: Any = build_detector(config).train()
        if checkpointed:
            checkpoint_gradients(network)
        data = network.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
        network.parse_losses(network(**data, mode="loss"))[0].backward()
        gradients.append(network.backbone.layer2[0].downsample[0].weight.grad)
        statistics.append(torch.stack([block.bn1.running_mean for block in network.backbone.layer2]))
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(*statistics)
    assert gradients[0].abs().max() > 0
    assert statistics[0].abs().max() > 0
