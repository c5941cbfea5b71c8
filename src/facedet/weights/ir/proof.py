"""Compare what a detector and a graph compute, over all anchors before NMS."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facedet.detector.model import Detector, dense
from facedet.weights.ir.distance import Distance

Graph = Callable[[np.ndarray], list[np.ndarray]]  # image -> boxes, scores of all anchors


def distance(detector: Detector, graph: Graph, images: Iterable[np.ndarray]) -> Distance:
    """Largest differences between the boxes and scores of detector and graph. images: float32 [1, 3, size, size]."""
    px, score = [0.0], [0.0]
    for image in images:
        with torch.inference_mode():
            boxes, scores = (out[0].numpy() for out in dense(detector.eval(), torch.from_numpy(image)))
        graph_boxes, graph_scores = graph(image)
        if boxes.shape != graph_boxes.shape:
            return Distance(np.inf, np.inf)
        px.append(np.abs(boxes - graph_boxes).max())
        score.append(np.abs(scores - graph_scores).max())
    return Distance(float(np.max(px)), float(np.max(score)))


def as_stored(detector: Detector, copies: list[tuple[Tensor, Tensor]], rounded: bool) -> Detector:
    """A copy of the detector with the constants that the graph stores.

    Each level has its own weight and bias of `atss_reg`, multiplied by the level's scale. rounded: whether the standard
    deviations of the box coder are stored in half precision.
    """
    stored: Any = copy.deepcopy(detector)
    head = stored.bbox_head
    head.atss_reg = _ConvolutionPerLevel(copies)
    for level in head.scales:
        level.scale.data.fill_(1)
    if rounded:
        head.bbox_coder.stds = [float(np.float16(s)) for s in head.bbox_coder.stds]
    return stored


class _ConvolutionPerLevel(nn.Module):
    # the head calls it once for each level, finest first
    def __init__(self, copies: list[tuple[Tensor, Tensor]]):
        super().__init__()
        self.copies, self.calls = copies, 0

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.copies[self.calls % len(self.copies)]
        self.calls += 1
        return nn.functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
