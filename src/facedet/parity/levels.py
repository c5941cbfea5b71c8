"""Compare the values of two models before NMS, level by level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LevelDifference:
    """Difference of two models over all anchors of one level and all images: box coordinates in pixels, scores."""

    stride: int
    anchors: int
    max_px: float
    mean_px: float
    max_score: float
    mean_score: float


class LevelComparison:
    """Accumulates differences image by image, so that the values need not be kept."""

    def __init__(self, strides: Sequence[int], size: tuple[int, int]):
        self._strides = list(strides)
        self._anchors = [-(-size[0] // stride) * -(-size[1] // stride) for stride in strides]
        self._max = np.zeros((2, len(self._strides)))
        self._sum = np.zeros((2, len(self._strides)))
        self._images = 0

    def add(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> None:
        """Add boxes [anchors, 4] and scores [anchors] of one image from both models. Raises ValueError."""
        if first[0].shape != second[0].shape or len(first[0]) != sum(self._anchors):
            counts = f"{len(first[0]):,} and {len(second[0]):,}"
            raise ValueError(f"the two models have {counts} anchors, the config {sum(self._anchors):,}")
        ends = np.cumsum(self._anchors)[:-1]
        px = [np.abs(a - b) for a, b in zip(np.split(first[0], ends), np.split(second[0], ends), strict=True)]
        score = [np.abs(a - b) for a, b in zip(np.split(first[1], ends), np.split(second[1], ends), strict=True)]
        np.maximum(self._max, [[level.max() for level in levels] for levels in (px, score)], out=self._max)
        self._sum += [[level.mean(dtype=np.float64) for level in levels] for levels in (px, score)]
        self._images += 1

    def differences(self) -> list[LevelDifference]:
        """The differences of each level, finest first."""
        mean = self._sum / self._images
        columns = zip(self._strides, self._anchors, self._max[0], mean[0], self._max[1], mean[1], strict=True)
        return [LevelDifference(stride, anchors, *map(float, figures)) for stride, anchors, *figures in columns]
