"""COCO average precision, equal to pycocotools' to the last digit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask
from pycocotools.cocoeval import Params

from facedet.data.structures import Detections, Photo

_PARAMS = Params("bbox")
_IOUS = _PARAMS.iouThrs[:, None]
_LOWEST, _HIGHEST = np.array(_PARAMS.areaRng)[..., None].transpose(1, 0, 2)  # areas of each range, square pixels
RECALLS = _PARAMS.recThrs  # [101]
MOST_DETECTIONS = _PARAMS.maxDets[-1]  # of an image, that count
STATS: dict[str, tuple[Any, int]] = {  # IoU and area of each figure, as indices into COCO's
    "AP": (slice(None), 0),
    "AP50": (0, 0),
    "AP75": (5, 0),
    "AP_small": (slice(None), 1),
    "AP_medium": (slice(None), 2),
    "AP_large": (slice(None), 3),
}


@dataclass(frozen=True)
class CocoMatch:
    """What became of the best 100 detections in one image, by area of faces and by IoU, each as COCO orders them.

    scores [k], in descending order. outcome: int8 [areas, IoUs, k], 1 for right, -1 for wrong, 0 for not counted.
    faces [areas]: how many faces count.
    """

    scores: np.ndarray
    outcome: np.ndarray
    faces: np.ndarray


def average_precision(photos: Sequence[Photo], detections: Sequence[Detections]) -> dict[str, float | None]:
    """Compute AP at IoU 0.50:0.95, at 0.50, at 0.75 and by face area (small below 32x32, large from 96x96 pixels).

    All boxes are in pixels of the original images. Ignored faces become COCO crowds. COCO counts at most 100 detections
    per image. Values are in 0..1, or None if no face has that size.
    """
    return precision_of([match_image(*pair) for pair in zip(photos, detections, strict=True)])


def match_image(photo: Photo, found: Detections) -> CocoMatch:
    """Match the best detections of an image with its faces: each with the free face of highest IoU, the last of equals,
    and with an ignored one only if no other has enough. Like pycocotools, but without its 200 kB for an image."""
    best = np.argsort(-found.scores, kind="stable")[:MOST_DETECTIONS]
    boxes, faces = _with_sides(found.boxes[best]), _with_sides(photo.boxes.astype(np.float64))
    (outside, excluded) = (((each < _LOWEST) | (each > _HIGHEST))[:, None] for each in (_area(boxes), _area(faces)))
    excluded |= photo.ignored
    iou = np.reshape(mask.iou(boxes, faces, photo.ignored.tolist()), (len(boxes), len(faces)))
    outcome = np.where(outside, 0, -np.ones((1, len(_IOUS), 1), np.int8))
    free = np.ones((len(_LOWEST), len(_IOUS), len(faces)), bool)
    for k in np.flatnonzero((iou >= _IOUS[0]).any(axis=1)):
        near = free & (iou[k] >= _IOUS)
        counting = near & ~excluded
        near = np.where(counting.any(axis=2, keepdims=True), counting, near)
        last = len(faces) - 1 - np.where(near, iou[k], -1)[..., ::-1].argmax(axis=2)
        area, at_iou = np.nonzero(near.any(axis=2))
        face = last[area, at_iou]
        outcome[area, at_iou, k] = ~excluded[area, 0, face]
        free[area, at_iou, face] = photo.ignored[face]
    return CocoMatch(found.scores[best].astype(np.float64), outcome, np.count_nonzero(~excluded[:, 0], axis=1))


def _with_sides(corners: np.ndarray) -> np.ndarray:
    """Boxes as COCO has them, float64 [n, 4] x y width height, from x1 y1 x2 y2."""
    return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).astype(np.float64)


def _area(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, 2] * boxes[:, 3]


def precision_of(matches: Sequence[CocoMatch]) -> dict[str, float | None]:
    """The figures of `average_precision` over all images."""
    scores = np.concatenate([np.zeros(0), *(match.scores for match in matches)])
    order = np.argsort(-scores, kind="stable")
    precision = np.full((len(_LOWEST), len(_IOUS), len(RECALLS)), np.nan)
    for area in range(len(precision)):
        faces = sum(int(match.faces[area]) for match in matches)
        if faces:
            outcome = np.concatenate([match.outcome[area] for match in matches], axis=1)
            precision[area] = [_at_recalls(of_iou[order], faces) for of_iou in outcome]
    means = {name: float(np.mean(precision[area][iou])) for name, (iou, area) in STATS.items()}
    return {name: None if np.isnan(mean) else mean for name, mean in means.items()}


def _at_recalls(outcome: np.ndarray, faces: int) -> np.ndarray:
    """Best precision from each of COCO's recalls on. outcome: of all images, in descending order of score."""
    right = np.flatnonzero(outcome == 1)
    hits, wrong = np.arange(1, len(right) + 1), np.cumsum(outcome == -1)[right]
    precision = hits / (wrong + hits + np.spacing(1))  # pycocotools' figures, to the last digit
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return np.append(best, 0)[np.searchsorted(hits / faces, RECALLS)]
