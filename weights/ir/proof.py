"""Does a detector compute what a graph computes? Compared over all anchors before NMS."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facedet.core.detector.model import Detector, dense


@dataclass(frozen=True)
class Distance:
    """Largest difference of a box's coordinate, in pixels of the input, and of a score."""

    px: float
    score: float

    def within(self, allowed: "Distance") -> bool:
        """Whether neither exceeds what is allowed; NaN does."""
        return self.px <= allowed.px and self.score <= allowed.score

    def __str__(self) -> str:
        return f"{self.px:.2g} px, {self.score:.2g} of score"


# The original code and its own IR differ by 8e-3 px and 2.1e-5.
EXACT = Distance(2e-2, 5e-5)
# Half precision rounds each level's copy of the box weights by itself, and one weight has to serve all levels; and it
# rounds what turns deltas into boxes.
ROUNDED = Distance(0.5, 5e-5)

Graph = Callable[[np.ndarray], list[np.ndarray]]


def distance(detector: Detector, graph: Graph, images: Iterable[np.ndarray]) -> Distance:
    """Largest differences between a detector's boxes and scores and a graph's. images: float32 [1, 3, size, size]."""
    px, score = [0.0], [0.0]
    for image in images:
        with torch.inference_mode():
            boxes, scores = (out[0].numpy() for out in dense(detector.eval(), torch.from_numpy(image)))
        their_boxes, their_scores = graph(image)
        if boxes.shape != their_boxes.shape:
            return Distance(np.inf, np.inf)
        px.append(np.abs(boxes - their_boxes).max())
        score.append(np.abs(scores - their_scores).max())
    return Distance(float(np.max(px)), float(np.max(score)))


def as_stored(detector: Detector, copies: list[tuple[Tensor, Tensor]], precision: str) -> Detector:
    """The detector as its graph holds it: each level with a copy of its own of `atss_reg`, the scale multiplied in;
    the box coder's deviations rounded if the file is in half precision."""
    twin: Any = copy.deepcopy(detector)
    head = twin.bbox_head
    head.atss_reg = _InTurn(copies)
    for each in head.scales:
        each.scale.data.fill_(1)
    if precision == "f16":
        head.bbox_coder.stds = [float(np.float16(s)) for s in head.bbox_coder.stds]
    return twin


class _InTurn(nn.Module):
    # the head calls it once for each level, finest first
    def __init__(self, copies: list[tuple[Tensor, Tensor]]):
        super().__init__()
        self.copies, self.calls = copies, 0

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.copies[self.calls % len(self.copies)]
        self.calls += 1
        return nn.functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
