"""Which faces were found, which were not, and what was taken for a face."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedet.core.common.boxes import overlaps
from facedet.core.data.structures import Detections, Photo
from facedet.core.evaluation.metrics.heights import IOU, first_hits

HEIGHTS = (0, 16, 32, 64, 128, 256, np.inf)  # pixels of the photograph, between which figures by size are given


@dataclass(frozen=True)
class Case:
    """One face or one detection in a photograph: its number there, box x1 y1 x2 y2 in pixels, and score if detected."""

    photo: int
    box: np.ndarray
    score: float | None = None

    @property
    def height(self) -> float:
        """Pixels."""
        return float(self.box[3] - self.box[1])


def found_faces(photo: Photo, detections: Detections, threshold: float) -> np.ndarray:
    """Bool [n]: which of a photograph's faces a detection above `threshold` hits."""
    face, _ = first_hits(detections.above(threshold).boxes, photo.boxes)
    return np.isin(np.arange(len(photo.boxes)), face)


def worst_misses(
    photos: Sequence[Photo], detections: Sequence[Detections], threshold: float, most: int = 10
) -> list[Case]:
    """The largest faces that no detection above `threshold` hits."""
    missed = []
    for k, (photo, found) in enumerate(zip(photos, detections, strict=True)):
        lost = ~found_faces(photo, found, threshold) & ~photo.ignored
        missed += [Case(k, box) for box in photo.boxes[lost]]
    return sorted(missed, key=lambda case: -case.height)[:most]


def worst_false_positives(
    photos: Sequence[Photo], detections: Sequence[Detections], most: int | None = 10
) -> list[Case]:
    """The detections of highest score that hit no face and lie in none that is ignored; all if `most` is None."""
    alarms = []
    for k, (photo, found) in enumerate(zip(photos, detections, strict=True)):
        face, _ = first_hits(found.boxes, photo.boxes)
        ignored = overlaps(found.boxes, photo.boxes[photo.ignored], over_first=True).max(axis=1, initial=0) >= IOU
        wrong = (face < 0) & ~ignored
        alarms += [Case(k, b, float(s)) for b, s in zip(found.boxes[wrong], found.scores[wrong], strict=True)]
    return sorted(alarms, key=lambda case: -(case.score or 0))[:most]
