"""AP at IoU 0.5 of groups of faces or of images, by the rule of `height_curve`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facedet.common.boxes import overlaps
from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.curve import Matched, curve_of
from facedet.evaluation.metrics.faces import IOU


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
        iou = self.iou[:, faces]
        face = np.where(iou.max(axis=1, initial=0) >= IOU, iou.argmax(axis=1) if iou.shape[1] else -1, -1)
        first = np.zeros(len(face), bool)
        first[np.unique(face, return_index=True)[1]] = True
        first &= face >= 0
        ignored = self.inside[:, ~faces].max(axis=1, initial=0) >= IOU
        right, wrong = np.zeros(len(self.scores), bool), np.ones(len(self.scores), bool)
        right[self.rows], wrong[self.rows] = first, np.where(face >= 0, ~first, ~ignored)
        return Matched(self.scores, right, wrong)


def nearby(photo: Photo, found: Detections) -> Nearby:
    """Compute the overlaps in an image."""
    iou, inside = overlaps(found.boxes, photo.boxes), overlaps(found.boxes, photo.boxes, over_first=True)
    rows = np.flatnonzero((np.maximum(iou, inside) >= IOU).any(axis=1))
    return Nearby(found.scores, rows, iou[rows], inside[rows], ~photo.ignored)


def ap_of_images(images: Sequence[Matched], faces: int) -> float | None:
    """AP over some images. images: what `match` gave for all faces that count. None without a face."""
    return curve_of(images, faces).area if faces else None


def ap_of_faces(images: Sequence[Nearby], group: np.ndarray, groups: int) -> list[float | None]:
    """AP of each group of faces. group: int [faces], of each face that counts, image by image."""
    matched: list[list[Matched]] = [[] for _ in range(groups)]
    begin = 0
    for image in images:
        here = np.full(len(image.counts), -1)
        end = begin + int(image.counts.sum())
        here[image.counts], begin = group[begin:end], end
        none = image.match(np.zeros(len(here), bool))  # of every group that has no face here
        for k, of_group in enumerate(matched):
            of_group.append(image.match(here == k) if (here == k).any() else none)
    sizes = np.bincount(group, minlength=groups)
    return [curve_of(of_group, int(n)).area if n else None for of_group, n in zip(matched, sizes, strict=True)]
