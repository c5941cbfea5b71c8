"""Precision and recall over falling scores, and the area under them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """recall, precision, scores [n]: what holds for detections from each score on, recall never falling."""

    recall: np.ndarray
    precision: np.ndarray
    scores: np.ndarray

    @property
    def area(self) -> float:
        """Area under the precision envelope, all points."""
        recall = np.concatenate([[0], self.recall, [1]])
        envelope = np.maximum.accumulate(np.concatenate([[0], self.precision, [0]])[::-1])[::-1]
        return float(np.sum(np.diff(recall) * envelope[1:]))


def ratio(part: np.ndarray, whole: np.ndarray | int) -> np.ndarray:
    """part / whole, zero where the whole is."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)
