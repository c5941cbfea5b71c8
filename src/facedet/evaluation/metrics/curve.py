"""Precision-recall curves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Matched:
    """What became of the detections in one image: scores [k] in descending order, and bool [k] for each: right, the
    first detection of a face; wrong, a false positive. One that is neither is not counted."""

    scores: np.ndarray
    right: np.ndarray
    wrong: np.ndarray


@dataclass(frozen=True)
class Curve:
    """A precision-recall curve: recall and precision [n], of the detections down to a score that falls from point to
    point. Recall never decreases."""

    recall: np.ndarray
    precision: np.ndarray

    @property
    def area(self) -> float:
        """Average precision in 0..1: area under the precision envelope, over all points."""
        recall = np.concatenate([[0], self.recall, [1]])
        envelope = np.maximum.accumulate(np.concatenate([[0], self.precision, [0]])[::-1])[::-1]
        return float(np.sum(np.diff(recall) * envelope[1:]))


def curve_of(images: Sequence[Matched], faces: int) -> Curve:
    """The curve over all images; it has a point before and after each right detection. faces: number of all faces."""
    wrong = _wrong_before_right(images)
    hits, misses = np.repeat(np.arange(len(wrong)), 2)[1:], np.repeat(wrong, 2)[:-1]
    hits, misses = (counts[hits + misses > 0] for counts in (hits, misses))
    return Curve(ratio(hits, faces), ratio(hits, hits + misses))


def _wrong_before_right(images: Sequence[Matched]) -> np.ndarray:
    """How many wrong detections come before each right one, in the order of all scores, and how many there are.

    Of equal scores, the first image comes first. Sorts only the right ones: arrays of all detections would take a
    gigabyte for 50,000 images.
    """
    begins = np.cumsum([0, *(len(image.scores) for image in images)])[:-1]

    def places(image: Matched, chosen: np.ndarray, begin: int) -> np.ndarray:
        return -image.scores[chosen] + 1j * (begin + np.flatnonzero(chosen))  # complex numbers sort by both parts

    parts = [places(image, image.right, begin) for image, begin in zip(images, begins, strict=True)]
    right = np.sort(np.concatenate([np.zeros(0, complex), *parts]))
    counts = np.zeros(len(right) + 1, int)
    for image, begin in zip(images, begins, strict=True):
        np.add.at(counts, np.searchsorted(right, places(image, image.wrong, begin)), 1)
    return np.cumsum(counts)


def ratio(part: np.ndarray, whole: np.ndarray | int) -> np.ndarray:
    """Divide part by whole; 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)
