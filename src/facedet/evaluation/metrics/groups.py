"""AP at IoU 0.5 of groups of faces or of images, by the rule of `height_curve`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedet.common.boxes import overlaps
from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.curve import Matched, curve_of
from facedet.evaluation.metrics.faces import IOU, right_and_wrong


@dataclass(frozen=True)
class Nearby:
    """The overlaps in an image, computed once for all divisions.

    scores [k], in descending order. rows [r]: the detections that overlap a face by half at all. iou, inside [r, n]:
    their overlap with each face: over the union, and over the detection. counts: bool [n], faces that are not ignored.
    """

    scores: np.ndarray
    rows: np.ndarray
    iou: np.ndarray
    inside: np.ndarray
    counts: np.ndarray

    def match(self, faces: np.ndarray) -> Matched:
        """What becomes of the detections if only some faces count; all others are ignored. faces: bool [n]."""
        right, wrong = np.zeros(len(self.scores), bool), np.ones(len(self.scores), bool)
        right[self.rows], wrong[self.rows] = right_and_wrong(self.iou[:, faces], self.inside[:, ~faces])
        return Matched(self.scores, right, wrong)


def nearby(photo: Photo, found: Detections) -> Nearby:
    """Compute the overlaps in an image."""
    iou, inside = overlaps(found.boxes, photo.boxes), overlaps(found.boxes, photo.boxes, over_first=True)
    rows = np.flatnonzero((np.maximum(iou, inside) >= IOU).any(axis=1))
    return Nearby(found.scores, rows, iou[rows], inside[rows], ~photo.ignored)


def ap_of_images(images: Sequence[Matched], faces: int) -> float | None:
    """AP over some images. images: what `match` gave for all faces that count. None without a face."""
    return curve_of(images, faces).area if faces else None


def ap_of_faces(
    images: Sequence[Nearby], none: Sequence[Matched], group: np.ndarray, groups: int
) -> list[float | None]:
    """AP of each group of faces. none: what `match` gave without any face that counts. group: int [faces], of each face
    that is not ignored, image by image."""
    of_images = np.split(group, np.cumsum([np.count_nonzero(image.counts) for image in images])[:-1])
    sizes, aps = np.bincount(group, minlength=groups), []
    for k, size in enumerate(sizes):
        matched = [
            image.match(_spread(of_image == k, image.counts)) if k in of_image else without
            for image, without, of_image in zip(images, none, of_images, strict=True)
        ]
        aps.append(curve_of(matched, int(size)).area if size else None)
    return aps


def _spread(chosen: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which of all faces of an image are chosen, bool [n]. chosen: of those that count."""
    faces = np.zeros(len(counts), bool)
    faces[counts] = chosen
    return faces
