"""An exponential moving average of the weights: steadier than the weights of the last step."""

import copy

import torch
from torch import Tensor, nn


class WeightAverage:
    """Average of a network's weights and of its running statistics over the steps of a training run.

    decay: share of the average that each step keeps. The first steps keep less, (1 + step) / (10 + step), so that the
    random start is soon forgotten. `network`: a copy of the network with the averaged weights, in eval mode.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Update the average with the weights after a step, counted from 1."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        averaged, current = (list(tensors) for tensors in zip(*floats, strict=True))
        torch._foreach_lerp_(averaged, current, share)
        for target, source in pairs:
            if not target.is_floating_point():
                target.copy_(source)

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()
