"""Batch sizes that fit, and gradient checkpointing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.distributed import in_processes, search_with_fake_memory
from mmengine.dataset import pseudo_collate

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.train.configure import override
from facedet.train.machine.memory import checkpoint_gradients, fitting_batch_size, largest
from facedet.train.options import TrainingOptions
from facedet.train.samples.dataset import FaceDataset
from facedet.train.setup import _fitting_batch_size


@pytest.mark.parametrize("most", [1, 2, 5, 64, 1000])
def test_the_largest_size_that_fits_is_found(most: int) -> None:
    for limit in range(1001):
        tried: list[int] = []

        def fits(size: int, limit: int = limit, tried: list[int] = tried) -> bool:
            tried.append(size)
            return size <= limit

        assert largest(fits, most) == max(1, min(limit, most))
        assert len(tried) <= 20
        assert max(tried, default=0) <= min(most, 2 * max(1, limit))  # none that is much too large


def test_each_process_searches_alone_and_all_take_the_least(drawn: Path, narrow: Path) -> None:
    assert in_processes(2, search_with_fake_memory, narrow, drawn / "val.json", (7, 4)) == [4, 4]


def test_on_a_cpu_the_batch_size_is_that_of_the_config(drawn: Path, quick: Path) -> None:
    config = load_config(quick)
    dataset = FaceDataset(str(drawn / "val.json"), input_size=96)
    assert fitting_batch_size(config, build_detector(config), dataset, "cpu", 99) == config.train_dataloader.batch_size


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
