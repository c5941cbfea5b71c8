"""The average of the weights over the steps."""

import pytest
import torch
from torch import nn

from facedet.train.average import WeightAverage


def test_the_average_follows_its_formula_with_a_warm_up() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
    with torch.no_grad():
        network[0].weight.fill_(0.0)
    average = WeightAverage(network, decay=0.5)
    expected = 0.0
    for step in range(1, 30):
        with torch.no_grad():
            network[0].weight.fill_(float(step))
            network[1].running_mean.fill_(float(step))
            network[1].num_batches_tracked.fill_(step)
        average.update(network, step)
        keep = min(0.5, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
        assert float(average.network[0].weight) == pytest.approx(expected, rel=1e-6)
    assert float(average.network[1].running_mean) == pytest.approx(expected, rel=1e-6)
    assert int(average.network[1].num_batches_tracked) == 29
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
