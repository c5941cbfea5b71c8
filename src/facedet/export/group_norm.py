"""Group normalization for inference, in the memory layout of convolutions.

OpenVINO computes nn.GroupNorm on a tensor of whole groups, and copies its input and output to another memory layout.
Here, only the moments of the channels are combined into those of groups.
"""

import torch
from torch import Tensor, nn


class ChannelGroupNorm(nn.Module):
    """The same function as an nn.GroupNorm with weight and bias.

    forward: x [b, c, h, w], and what to add to it first [1, c, h, w] if anything -> [b, c, h, w]
    """

    def __init__(self, norm: nn.GroupNorm):
        super().__init__()
        self.groups, self.eps = norm.num_groups, norm.eps
        self.weight = nn.Parameter(norm.weight.detach().reshape(self.groups, -1))
        self.bias = nn.Parameter(norm.bias.detach()[:, None, None])

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        if add is not None:  # after the mean of x: OpenVINO then computes sum and subtraction in one pass
            x, mean = x + add, mean + add.mean((2, 3), keepdim=True)
        b, c, h, w = x.shape
        groups = b, self.groups, c // self.groups
        centered = x - mean.reshape(groups).mean(2, keepdim=True).expand(groups).reshape(b, c, 1, 1)
        norms = torch.linalg.vector_norm(centered, dim=(2, 3), keepdim=True).reshape(groups)
        deviations = norms * (h * w) ** -0.5  # before the square, which float16 could not hold
        scale = self.weight / torch.sqrt(deviations.square().mean(2, keepdim=True) + self.eps)
        return centered * scale.reshape(b, c, 1, 1) + self.bias
