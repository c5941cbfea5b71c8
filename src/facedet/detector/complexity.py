"""Size and cost of a detector, counted like in the published model card: parameters, GFLOPs."""

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from mmengine.config import Config
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from facedet.detector.card import AFFINE, INPUT, MAX_POOL, NORMALISE, RELU, SUM, UPSAMPLE
from facedet.detector.model import Detector, build_detector, check_runs, preprocess


@dataclass(frozen=True)
class Complexity:
    """Result of `measure`.

    parameters: trainable values. card_parameters: counted like in the card (`count_card_parameters`). gflops: for one
    input of the config's size. conv_gflops: the part of the convolutions.
    """

    parameters: int
    card_parameters: int
    gflops: float
    conv_gflops: float


def measure(config: Config) -> Complexity:
    """Count the detector of a config for one input of its size."""
    detector = build_detector(config)
    check_runs(detector, str(config.filename))
    return measure_detector(detector, config.input_size)


def measure_detector(detector: Detector, size: int) -> Complexity:
    """Count a detector for one input of `size` x `size`, without computing values: its weights are lost."""
    model = detector.eval().to("meta")
    image = preprocess(model, torch.empty(1, 3, size, size, device="meta"))
    with torch.no_grad(), _Counter() as counter:
        head = model.bbox_head(model.neck(model.backbone(image)))
    anchors = sum(level.shape[-2] * level.shape[-1] for level in head[0])
    total = counter.convolutions + counter.others + INPUT * 3 * size * size
    return Complexity(
        sum(p.numel() for p in model.parameters()),
        count_card_parameters(model, len(head[0]), anchors),
        total / 1e9,
        counter.convolutions / 1e9,
    )


def count_card_parameters(model: Detector, levels: int, anchors: int) -> int:
    """Count the constants of the IR as the card does: a constant counts once for each use.

    Batch normalization is folded into one bias per channel. The weights of the head count once per level, and each
    anchor has 4 lower and 4 upper bounds for clipping.
    """
    folded = sum(m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    shared = sum(p.numel() for p in model.bbox_head.parameters())
    return sum(p.numel() for p in model.parameters()) - folded + (levels - 1) * shared + 8 * anchors


class _Counter(TorchDispatchMode):
    """Count the operations that run inside this context."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = 0
        self.others = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name == "convolution":
            self.convolutions += 2 * out.numel() * prod(args[1].shape[1:])
        elif name in ("add", "add_") and all(isinstance(a, torch.Tensor) and a.dim() == 4 for a in args[:2]):
            self.others += SUM * out.numel()
        elif name in ("relu", "relu_", "hardtanh", "hardtanh_"):
            self.others += RELU * out.numel()
        elif name == "native_group_norm":
            self.others += (NORMALISE + AFFINE) * out[0].numel()
        elif name == "max_pool2d_with_indices":
            self.others += MAX_POOL * out[0].numel()
        elif name.startswith("upsample_nearest2d"):
            self.others += UPSAMPLE * out.numel()
        return out
