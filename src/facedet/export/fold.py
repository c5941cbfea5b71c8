"""Exact folding: the same function with fewer operations, by combining linear layers.

A context module is linear: its channels are a fixed linear map of the output of its first convolution. So that
convolution is merged into the FPN's convolution before it, and the linear map into the first convolution of each of the
head's two towers after it.

The towers' group normalizations are replaced, see export/group_norm.py.

The head's last convolutions have one to four channels, but OpenVINO computes at least 16. They become 1x1 convolutions
with a channel for each weight of the kernel, whose shifted outputs are added.
"""

import copy
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facedet.common.errors import UserError
from facedet.detector.head import FaceATSSHead
from facedet.detector.model import Detector
from facedet.detector.neck import RSSH, RSSHFPN
from facedet.export.group_norm import ChannelGroupNorm


def fold_layers(detector: Detector) -> Detector:
    """A copy of the detector that computes the same with fewer operations, for inference only. Raises UserError."""
    folded: Any = copy.deepcopy(detector).eval()
    neck, head = folded.neck, folded.bbox_head
    towers = [head.cls_convs, head.reg_convs]
    if not all(tower and all(_has_group_norm(layer) for layer in tower) for tower in towers):
        raise UserError(
            "model.bbox_head: its towers are not layers with a group normalization that has weights, so it cannot be "
            "folded; export with --no-fold"
        )
    for layer in chain(*towers):
        setattr(layer, layer.norm_name, ChannelGroupNorm(layer.norm))
    if type(neck) is RSSHFPN and type(head) is FaceATSSHead:  # a user's own class may use its layers differently
        _fold_contexts(neck, towers)
    for name in ("atss_cls", "atss_reg", "atss_centerness"):
        setattr(head, name, _by_taps(getattr(head, name)))
    return folded


def _fold_contexts(neck: Any, towers: list[Any]) -> None:
    """Combine each context module with the layers before and after it."""
    for k, context in enumerate(neck.context_modules):
        conv1, first = context.conv1.conv, FirstOfTowers([FirstOfTower(context, tower[0]) for tower in towers])
        if neck.num_ins - 1 <= k < neck.num_outs - 1:  # the next level is computed from all channels of this one
            neck.context_modules[k] = nn.Sequential(conv1, first)
        else:
            neck.context_modules[k] = first
            neck.fpn_convs[k] = _combine(neck.fpn_convs[k].conv, conv1)
    for k, tower in enumerate(towers):
        tower[0] = _Pick(k)


def _has_group_norm(layer: Any) -> bool:
    return isinstance(layer.norm, nn.GroupNorm) and layer.norm.affine


class FirstOfTower(nn.Module):
    """A context module after its first convolution, and a tower's first layer: one layer.

    forward: output of the context module's first convolution [b, c, h, w] -> output of the tower's first layer
    [b, tower's channels, h, w].
    """

    def __init__(self, context: RSSH, layer: Any):
        super().__init__()
        weight, dtype = _weight(layer.conv), layer.conv.weight.dtype
        matrix, constant = _linear_map(context)
        self.weight = nn.Parameter(torch.einsum("oikl,ij->ojkl", weight, matrix).to(dtype))
        self.constant = nn.Parameter(torch.einsum("oikl,i->okl", weight, constant)[:, None].to(dtype))
        self.bias = nn.Parameter(_bias(layer.conv).to(dtype))
        self.norm, self.activate = layer.norm, layer.activate

    def forward(self, x: Tensor) -> Tensor:
        # The tower's zero padding replaces the constant too, so less of the constant arrives at the border.
        inside = x.new_ones(1, 1, *x.shape[2:])
        constant = F.conv2d(inside, self.constant, self.bias, padding=1)  # known when the graph is compiled
        return self.activate(self.norm(F.conv2d(x, self.weight, padding=1), constant))


class FirstOfTowers(nn.ModuleList):
    """The first layers of all towers, in place of a context module: [b, c, h, w] -> a tensor for each tower.

    So the folded neck gives a tuple for each level, which `_Pick` reads.
    """

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(layer(x) for layer in self)


class _Pick(nn.Module):
    # in place of a tower's first layer: its output, which FirstOfTowers has computed
    def __init__(self, tower: int):
        super().__init__()
        self.tower = tower

    def forward(self, outputs: tuple[Tensor, ...]) -> Tensor:
        return outputs[self.tower]


def _by_taps(conv: nn.Conv2d) -> nn.Sequential:
    """A 1x1 convolution to a channel for each tap (place in the kernel) of each output, and a sum of shifted taps."""
    (height, width), outputs = conv.kernel_size, conv.out_channels
    count = height * width
    taps = nn.Conv2d(conv.in_channels, outputs * count, 1, bias=False)
    taps.weight = nn.Parameter(conv.weight.detach().permute(0, 2, 3, 1).reshape(outputs * count, -1, 1, 1))
    add = copy.deepcopy(conv)  # with its bias, stride and padding
    add.in_channels = outputs * count
    shifts = torch.einsum("oi,ts->oits", torch.eye(outputs), torch.eye(count))  # each tap to its output and its place
    add.weight = nn.Parameter(shifts.reshape(outputs, outputs * count, height, width).to(conv.weight))
    return nn.Sequential(taps, add)


def _linear_map(context: RSSH) -> tuple[Tensor, Tensor]:
    """What a context module computes of the c channels after its first convolution: matrix [2c, c], constant [2c]."""
    conv2, conv3 = context.conv2.conv, context.conv3.conv
    second, third = (_weight(conv)[:, :, 0, 0] for conv in (conv2, conv3))
    matrix = torch.cat([torch.eye(conv2.in_channels).to(second), second, third @ second])
    zeros = torch.zeros(conv2.in_channels).to(second)
    return matrix, torch.cat([zeros, _bias(conv2), third @ _bias(conv2) + _bias(conv3)])


def _combine(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """One convolution that computes `first` and then `second`, which is 1x1."""
    matrix, dtype = _weight(second)[:, :, 0, 0], first.weight.dtype
    combined = copy.deepcopy(first)
    combined.out_channels = second.out_channels
    combined.weight = nn.Parameter(torch.einsum("oi,ijkl->ojkl", matrix, _weight(first)).to(dtype))
    combined.bias = nn.Parameter((matrix @ _bias(first) + _bias(second)).to(dtype))
    return combined


def _weight(conv: nn.Conv2d) -> Tensor:
    return conv.weight.detach().double()


def _bias(conv: nn.Conv2d) -> Tensor:
    return conv.weight.new_zeros(conv.out_channels).double() if conv.bias is None else conv.bias.detach().double()
