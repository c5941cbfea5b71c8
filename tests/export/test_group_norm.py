"""Group normalization from the moments of channels: the same as nn.GroupNorm."""

import pytest
import torch
from torch import nn

from facedet.export.group_norm import ChannelGroupNorm


@pytest.fixture
def norm() -> nn.GroupNorm:
    torch.manual_seed(0)
    norm = nn.GroupNorm(4, 16)
    nn.init.normal_(norm.weight, 1, 0.5)
    nn.init.normal_(norm.bias)
    return norm.requires_grad_(False)


@pytest.mark.parametrize("size", [(160, 160), (3, 5), (1, 1)], ids=str)
def test_it_is_group_normalization(size: tuple[int, int], norm: nn.GroupNorm) -> None:
    x, add = torch.randn(2, 16, *size).double(), torch.randn(1, 16, *size).double()
    exact = norm.double()
    torch.testing.assert_close(ChannelGroupNorm(exact)(x), exact(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ChannelGroupNorm(exact)(x, add), exact(x + add), rtol=1e-9, atol=1e-9)


def test_a_mean_that_is_much_larger_than_the_deviations_costs_no_accuracy(norm: nn.GroupNorm) -> None:
    x = torch.randn(1, 16, 160, 160) + 1000
    exact = nn.functional.group_norm(x.double(), 4, norm.weight.double(), norm.bias.double())
    assert (ChannelGroupNorm(norm)(x) - exact).abs().max() < 1e-3


def test_float16_holds_the_squares(norm: nn.GroupNorm) -> None:
    x = (torch.randn(1, 16, 160, 160) * 50).half()
    exact = nn.functional.group_norm(x.double(), 4, norm.weight.double(), norm.bias.double())
    assert (ChannelGroupNorm(norm.half())(x) - exact).abs().max() < 0.02
