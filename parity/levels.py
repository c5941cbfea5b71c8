"""Two models' values before NMS, compared level by level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LevelDifference:
    """How two models differ on one level's anchors, over all pictures: coordinates in pixels of the input, scores."""

    stride: int
    anchors: int
    max_px: float
    mean_px: float
    max_score: float
    mean_score: float


class Levels:
    """Adds up differences picture by picture, so that no values are kept."""

    def __init__(self, strides: Sequence[int], size: int):
        self._strides = list(strides)
        self._anchors = [(-(-size // stride)) ** 2 for stride in strides]
        self._largest = np.zeros((2, len(self._strides)))
        self._sums = np.zeros((2, len(self._strides)))
        self._pictures = 0

    def add(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> None:
        """Boxes [anchors, 4] and scores [anchors] of one picture by each model. Raises ValueError if not alike."""
        if first[0].shape != second[0].shape or len(first[0]) != sum(self._anchors):
            counts = f"{len(first[0]):,} and {len(second[0]):,}"
            raise ValueError(f"the two models have {counts} anchors, the config {sum(self._anchors):,}")
        ends = np.cumsum(self._anchors)[:-1]
        px = [np.abs(a - b) for a, b in zip(np.split(first[0], ends), np.split(second[0], ends), strict=True)]
        score = [np.abs(a - b) for a, b in zip(np.split(first[1], ends), np.split(second[1], ends), strict=True)]
        np.maximum(self._largest, [[part.max() for part in parts] for parts in (px, score)], out=self._largest)
        self._sums += [[part.mean(dtype=np.float64) for part in parts] for parts in (px, score)]
        self._pictures += 1

    def differences(self) -> list[LevelDifference]:
        """One for each level, finest first."""
        means = self._sums / self._pictures
        columns = zip(self._strides, self._anchors, self._largest[0], means[0], self._largest[1], means[1], strict=True)
        return [LevelDifference(stride, anchors, *map(float, figures)) for stride, anchors, *figures in columns]
