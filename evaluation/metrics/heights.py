"""Average precision over faces of some heights; the model card's figure is one of them."""

from collections.abc import Sequence

import numpy as np

from facedet.core.common.boxes import overlaps
from facedet.core.data.structures import Detections
from facedet.core.evaluation.metrics.curve import Curve, ratio

CARD_HEIGHTS = (64, 1024)  # pixels: the first counts, the second does not
IOU = 0.5


def ap64_curve(
    faces: Sequence[np.ndarray], detections: Sequence[Detections], ignored: Sequence[np.ndarray] | None = None
) -> Curve:
    """Curve whose `area` is the card's "AP for faces bigger than 64 x 64".

    faces: boxes [n, 4] x1 y1 x2 y2 of each picture, in its pixels. All is rounded to whole pixels, faces are clipped to
    0..1024.
    """
    whole = [np.rint(boxes.astype(np.float64)).clip(0, CARD_HEIGHTS[1]) for boxes in faces]
    found = [Detections(np.rint(d.boxes.astype(np.float64)), d.scores) for d in detections]
    return height_curve(whole, found, *CARD_HEIGHTS, ignored)


def height_curve(
    faces: Sequence[np.ndarray],
    detections: Sequence[Detections],
    lowest: float,
    highest: float,
    ignored: Sequence[np.ndarray] | None = None,
) -> Curve:
    """Curve over faces from `lowest` to below `highest` pixels of height, at IoU 0.5; the others are ignored.

    The first hit on a counting face is right. A detection that hits none of them and lies half inside an ignored face
    is neither right nor wrong, however many there are. All else is wrong. ignored [n] of each picture: faces that do
    not count whatever their height.
    """
    right, wrong, scores = [], [], []
    total = 0
    for k, (truth, found) in enumerate(zip(faces, detections, strict=True)):
        width, height = (truth[:, 2:] - truth[:, :2]).T
        counts = (height >= lowest) & (height < highest) & (height > 0) & (width > 0)
        if ignored is not None:
            counts &= ~ignored[k]
        total += int(counts.sum())
        order = np.argsort(-found.scores, kind="stable")
        face, first = first_hits(found.boxes[order], truth[counts])
        inside = overlaps(found.boxes[order], truth[~counts], over_first=True).max(axis=1, initial=0) >= IOU
        right.append(first)
        wrong.append(np.where(face >= 0, ~first, ~inside))
        scores.append(found.scores[order])
    flat = np.concatenate([np.zeros(0), *scores])
    by_score = np.argsort(-flat, kind="stable")
    hits, misses = (np.cumsum(np.concatenate([np.zeros(0, bool), *each])[by_score]) for each in (right, wrong))
    return Curve(ratio(hits, total), ratio(hits, hits + misses), flat[by_score])


def first_hits(found: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each box of `found` [k, 4], best first: the face it overlaps most, -1 under IoU 0.5; whether it is the first
    on that face."""
    iou = overlaps(found, faces)
    face = np.where(iou.max(axis=1, initial=0) >= IOU, iou.argmax(axis=1) if len(faces) else -1, -1)
    first = np.zeros(len(found), bool)
    first[np.unique(face, return_index=True)[1]] = True
    return face, first & (face >= 0)
