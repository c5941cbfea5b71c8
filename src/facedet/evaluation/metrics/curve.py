"""Precision-recall curves."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """A precision-recall curve: scores [n] in descending order, and recall and precision [n] of the detections down to
    each score. Recall never decreases."""

    recall: np.ndarray
    precision: np.ndarray
    scores: np.ndarray

    @property
    def area(self) -> float:
        """Average precision in 0..1: area under the precision envelope, over all points."""
        recall = np.concatenate([[0], self.recall, [1]])
        envelope = np.maximum.accumulate(np.concatenate([[0], self.precision, [0]])[::-1])[::-1]
        return float(np.sum(np.diff(recall) * envelope[1:]))


def ratio(part: np.ndarray, whole: np.ndarray | int) -> np.ndarray:
    """Divide part by whole; 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)
