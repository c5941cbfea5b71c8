"""Whether scores are probabilities: how many detections of a score are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedet.evaluation.metrics.curve import Matched, ratio

BINS = 15  # of equal width over 0..1


@dataclass(frozen=True)
class Calibration:
    """A reliability curve: count, mean score and share of right detections in each of BINS bins [bins].

    Each share and mean is 0 in a bin without detections.
    """

    count: np.ndarray
    score: np.ndarray
    right: np.ndarray

    @property
    def error(self) -> float | None:
        """Expected calibration error in 0..1: mean difference of score and share, by count; None without detections."""
        total = self.count.sum()
        return float(self.count @ np.abs(self.score - self.right) / total) if total else None


def calibration(images: Sequence[Matched], above: float = -1) -> Calibration:
    """The reliability curve of the detections that count, right or wrong, with a score above a threshold."""
    sums = np.zeros((3, BINS))
    for image in images:
        counts = (image.right | image.wrong) & (image.scores > above)
        scores, right = image.scores[counts].astype(np.float64), image.right[counts]
        bin = np.clip((scores * BINS).astype(int), 0, BINS - 1)
        for total, weights in zip(sums, (np.ones_like(scores), scores, right.astype(float)), strict=True):
            total += np.bincount(bin, weights, BINS)
    count, score, right = sums
    return Calibration(count.astype(int), ratio(score, count), ratio(right, count))
