"""Detected faces, missed faces and false positives."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facedet.common.boxes import overlaps
from facedet.data.structures import Detections, Photo

IOU = 0.5  # least overlap of a detection with the face it detects


@dataclass(frozen=True)
class BoxInImage:
    """A face or a detection in one of several images.

    image_index: which image. box [4]: x1 y1 x2 y2 in pixels of that image. score: of a detection, None for a face.
    """

    image_index: int
    box: np.ndarray
    score: float | None = None

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return float(self.box[3] - self.box[1])


def match_to_faces(boxes: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match detections [k, 4], in descending order of score, with faces [n, 4].

    Returns for each detection the index of the face with the highest IoU, or -1 if that IoU is below 0.5, and whether
    it is the first detection of that face.
    """
    return _first_matches(overlaps(boxes, faces))


def right_and_wrong(iou: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which detections, in descending order of score, are right and which wrong, bool [k]; the others do not count.

    iou [k, n]: of each with the faces that count. inside [k, m]: its share in each of the faces to ignore. The first
    detection of a face is right. One that matches none and lies at least half inside a face to ignore does not count.
    """
    face, first = _first_matches(iou)
    return first, np.where(face >= 0, ~first, inside.max(axis=1, initial=0) < IOU)


def _first_matches(iou: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    face = np.where(iou.max(axis=1, initial=0) >= IOU, iou.argmax(axis=1) if iou.shape[1] else -1, -1)
    first = np.zeros(len(face), bool)
    first[np.unique(face, return_index=True)[1]] = True
    return face, first & (face >= 0)


def is_detected(photo: Photo, detections: Detections, threshold: float) -> np.ndarray:
    """For each face of the photo, bool [n]: whether a detection with a score above `threshold` matches it; false for
    ignored faces, which match nothing."""
    counts = np.flatnonzero(~photo.ignored)
    face, _ = match_to_faces(detections.above(threshold).boxes, photo.boxes[counts])
    return np.isin(np.arange(len(photo.boxes)), counts[face[face >= 0]])


def missed_faces(
    photos: Sequence[Photo], detections: Sequence[Detections], threshold: float, limit: int = 10
) -> list[BoxInImage]:
    """The faces that no detection with a score above `threshold` matches, largest first, at most `limit`."""
    missed = (
        BoxInImage(k, box)
        for k, (photo, found) in enumerate(zip(photos, detections, strict=True))
        for box in photo.boxes[~is_detected(photo, found, threshold) & ~photo.ignored]
    )
    return heapq.nlargest(limit, missed, key=lambda face: face.height)


def false_positives(
    photos: Iterable[Photo], detections: Iterable[Detections], limit: int | None = 10
) -> list[BoxInImage]:
    """The detections that are wrong by `right_and_wrong`, in descending order of score; at most `limit`, all if it is
    None."""
    images = enumerate(zip(photos, detections, strict=True))
    wrong = (box for k, (photo, found) in images for box in _false_positives_in(k, photo, found, limit))
    if limit is None:
        return sorted(wrong, key=_score, reverse=True)
    return heapq.nlargest(limit, wrong, key=_score)  # keeps only those: there may be 750 in every image


def _false_positives_in(k: int, photo: Photo, found: Detections, limit: int | None) -> list[BoxInImage]:
    inside = overlaps(found.boxes, photo.boxes[photo.ignored], over_first=True)
    _, wrong = right_and_wrong(overlaps(found.boxes, photo.boxes[~photo.ignored]), inside)
    return [BoxInImage(k, found.boxes[row], float(found.scores[row])) for row in np.flatnonzero(wrong)[:limit]]


def _score(detection: BoxInImage) -> float:
    return detection.score or 0
