"""Thresholds: what precision, recall, F1 and false alarms an image each gives, and which one meets a target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facedet.common.errors import UserError
from facedet.evaluation.metrics.curve import Matched
from facedet.weights.operating_point import OperatingPoint

_DIGITS = range(3, 9)  # of a threshold; as few of them as show the same boxes


@dataclass(frozen=True)
class Rates:
    """Precision, recall and F1 in 0..1, and false alarms an image: arrays of one shape, the last axis by threshold.

    NaN where there is nothing to divide by: no detection, no face.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    false_alarms: np.ndarray

    def at(self, *index: Any) -> "Rates":
        """Those at an index of the arrays."""
        return Rates(self.precision[index], self.recall[index], self.f1[index], self.false_alarms[index])


def rates(right: np.ndarray, wrong: np.ndarray, faces: np.ndarray | int, images: np.ndarray | int) -> Rates:
    """The rates of so many right and wrong detections. faces, images: of all, broadcast to their shape."""
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.true_divide(2 * right, right + wrong + faces)
        return Rates(right / np.add(right, wrong), right / np.asarray(faces), f1, wrong / np.asarray(images))


@dataclass(frozen=True)
class ScoreCurve:
    """Rates of showing all detections with a score of `scores` [n] or higher, which fall from point to point.

    Each point adds a right detection: between two of them only wrong ones are added, which no target wants. next_lower
    [n]: the highest score below each, 0 if none is. faces, images: of all.
    """

    scores: np.ndarray
    next_lower: np.ndarray
    rates: Rates
    faces: int
    images: int

    def threshold(self, point: int, lowest: float = 0.0) -> float:
        """A number for `score > number` that shows just the detections of a point: the middle between its score and the
        next lower one, rounded as far as that shows the same boxes. lowest: the model gives no lower score."""
        upper, lower = self.scores[point], max(self.next_lower[point], self.scores.dtype.type(lowest))
        middle = (float(lower) + float(upper)) / 2
        rounded = (round(middle, digits) for digits in _DIGITS)  # scores are compared in their own precision
        return next((each for each in rounded if lower <= self.scores.dtype.type(each) < upper), float(lower))


def score_curve(images: Sequence[Matched], faces: int) -> ScoreCurve:
    """The curve over all images. faces: number of all faces."""
    kind = np.result_type(np.float32, *{image.scores.dtype for image in images})
    parts = [image.scores[image.right] for image in images]
    scores, right = np.unique(np.concatenate([np.zeros(0, kind), *parts]), return_counts=True)  # rising
    wrong, below = np.zeros(len(scores) + 1, int), np.zeros(len(scores) + 1, kind)
    for image in images:  # one at a time: all detections of 50,000 images would take a gigabyte
        place = np.searchsorted(scores, image.scores, side="right")  # number of points that show a detection
        np.add.at(wrong, place[image.wrong], 1)
        np.maximum.at(below, place, image.scores)
    falling = slice(None, None, -1)
    shown_right, shown_wrong = right[falling].cumsum(), wrong[1:][falling].cumsum()
    every = rates(shown_right, shown_wrong, faces, len(images))
    earlier = np.concatenate([np.zeros(1, kind), scores[:-1]])[: len(scores)]
    return ScoreCurve(scores[falling], np.maximum(below[:-1], earlier)[falling], every, faces, len(images))


def counts_at(images: Sequence[Matched], thresholds: np.ndarray) -> np.ndarray:
    """How many right and how many wrong detections of each image have a score above each threshold [t].

    Returns float32 [images, 2, t]: right, then wrong. Sums of it stay exact up to 16 million.
    """
    counts = np.zeros((len(images), 2, len(thresholds)), np.float32)
    for k, image in enumerate(images):
        for part, kept in zip(counts[k], (image.right, image.wrong), strict=True):
            scores = image.scores[kept][::-1]
            part[:] = len(scores) - np.searchsorted(scores, thresholds.astype(scores.dtype), side="right")
    return counts


@dataclass(frozen=True)
class Target:
    """What a threshold must give; without any, the best F1.

    min_precision, min_recall: in 0..1. max_false_alarms: an image. Raises UserError for two, or for impossible ones.
    """

    min_precision: float | None = None
    min_recall: float | None = None
    max_false_alarms: float | None = None

    def __post_init__(self) -> None:
        given = {f"--{name.replace('_', '-')}": value for name, value in vars(self).items() if value is not None}
        if len(given) > 1:
            raise UserError(f"{' and '.join(given)}: give one of them")
        for option, value in given.items():
            is_share = option != "--max-false-alarms"
            limits = "from 0 to 1, such as 0.95" if is_share else "of 0 or more, such as 0.1"
            if not 0 <= value <= (1 if is_share else np.inf):
                raise UserError(f"{option} {value:g}: give a number {limits}")

    def __str__(self) -> str:
        if self.min_precision is not None:
            return f"precision of {self.min_precision:g} or more"
        if self.min_recall is not None:
            return f"recall of {self.min_recall:g} or more"
        if self.max_false_alarms is not None:
            return f"at most {self.max_false_alarms:g} false alarms an image"
        return "best F1"

    def choose(self, each: Rates) -> np.ndarray:
        """The index on the last axis of the rates that meet the target and are best otherwise; -1 where none does."""
        meets, best, then = each.recall > 0, each.f1, each.precision
        if self.min_precision is not None:
            meets, best = meets & (each.precision >= self.min_precision), each.recall
        elif self.min_recall is not None:
            meets, best, then = meets & (each.recall >= self.min_recall), each.precision, each.recall
        elif self.max_false_alarms is not None:
            meets, best = meets & (each.false_alarms <= self.max_false_alarms), each.recall
        if not meets.shape[-1]:
            return np.full(meets.shape[:-1], -1)
        best = np.where(meets, best, -1)
        then = np.where(meets & (best == best.max(axis=-1, keepdims=True)), then, -1)
        return np.where(meets.any(axis=-1), then.argmax(axis=-1), -1)

    def missed(self, curve: ScoreCurve) -> str:
        """What the curve reaches instead, as the end of a sentence about a target that it does not meet."""
        if not len(curve.scores):
            return "no face is detected at any score" if curve.faces else "the dataset has no face that counts"
        if self.min_precision is not None:
            best = int(curve.rates.precision.argmax())
            return f"the highest is {100 * curve.rates.precision[best]:.1f} %, above {curve.threshold(best):g}"
        if self.min_recall is not None:
            return f"the highest is {100 * curve.rates.recall[-1]:.1f} %, with all detections"
        return f"the fewest are {curve.rates.false_alarms[0]:.2g}, above {curve.threshold(0):g}"


BEST_F1 = Target()


def chosen_point(curve: ScoreCurve, target: Target, dataset: str = "", lowest: float = 0.0) -> OperatingPoint | None:
    """The operating point that meets a target, None if none does. dataset: `digest` of its fingerprint. lowest: as for
    `ScoreCurve.threshold`."""
    point = int(target.choose(curve.rates))
    if point < 0:
        return None
    every = curve.rates.at(point)
    return OperatingPoint(
        threshold=curve.threshold(point, lowest),
        precision=float(every.precision),
        recall=float(every.recall),
        f1=float(every.f1),
        false_alarms=float(every.false_alarms),
        images=curve.images,
        faces=curve.faces,
        dataset=dataset,
        chosen=str(target),
    )
