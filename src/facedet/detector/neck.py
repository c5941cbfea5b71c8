"""RSSH-FPN, the neck of the released model: an FPN with a context module after each output."""

import torch
from mmcv.cnn import ConvModule
from mmdet.models.necks import FPN
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class RSSHFPN(FPN):
    """FPN on all backbone levels, with one extra level, followed by one RSSH per level.

    The extra level is a stride-2 convolution of the coarsest FPN output, before the context module of that output.
    """

    def __init__(self, in_channels: list[int], out_channels: int, num_outs: int, init_cfg: dict | None = None):
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            num_outs=num_outs,
            add_extra_convs="on_output",
            init_cfg=init_cfg or dict(type="Xavier", layer="Conv2d", distribution="uniform"),
        )
        self.context_modules = nn.ModuleList(RSSH(out_channels) for _ in range(num_outs))

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        levels = super().forward(inputs)
        return tuple(context(level) for context, level in zip(self.context_modules, levels, strict=True))


class RSSH(BaseModule):
    """Context module: three linear 1x1 convolutions in sequence, to 1/2, 1/4 and 1/4 of the channels, concatenated."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = ConvModule(channels, channels // 2, 1, act_cfg=None)
        self.conv2 = ConvModule(channels // 2, channels // 4, 1, act_cfg=None)
        self.conv3 = ConvModule(channels // 4, channels // 4, 1, act_cfg=None)

    def forward(self, x: Tensor) -> Tensor:
        half = self.conv1(x)
        quarter = self.conv2(half)
        return torch.cat([half, quarter, self.conv3(quarter)], dim=1)
