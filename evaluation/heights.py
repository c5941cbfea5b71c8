"""The model card's figure: average precision for faces bigger than 64 x 64 pixels."""

from collections.abc import Sequence

import numpy as np

from data.structures import Detections
from evaluation.curve import Curve, ratio
from evaluation.overlap import overlaps

LOWEST, HIGHEST = 64, 1024  # pixels of a face's height: the first counts, the second does not
_IOU = 0.5


def ap64_curve(faces: Sequence[np.ndarray], detections: Sequence[Detections]) -> Curve:
    """Curve whose `area` is the card's AP. faces: boxes [n, 4] x1 y1 x2 y2 of each picture, in its pixels.

    Everything is rounded to whole pixels, faces clipped to 0..1024. Faces of another height are ignored: a detection
    half inside one that hits no counting face is neither right nor wrong, however many there are. The first hit on a
    counting face is right, all else wrong.
    """
    right, wrong, scores = [], [], []
    total = 0
    for boxes, found in zip(faces, detections, strict=True):
        truth = np.rint(boxes.astype(np.float64)).clip(0, HIGHEST)
        width, height = (truth[:, 2:] - truth[:, :2]).T
        counts = (height >= LOWEST) & (height < HIGHEST) & (width > 0)
        total += int(counts.sum())
        order = np.argsort(-found.scores, kind="stable")
        rounded = np.rint(found.boxes[order].astype(np.float64))
        iou = overlaps(rounded, truth[counts])
        face = np.where(iou.max(axis=1, initial=0) >= _IOU, iou.argmax(axis=1) if counts.any() else -1, -1)
        inside = overlaps(rounded, truth[~counts], over_first=True).max(axis=1, initial=0) >= _IOU
        first = np.zeros(len(order), bool)
        first[np.unique(face, return_index=True)[1]] = True
        right.append(first & (face >= 0))
        wrong.append(np.where(face >= 0, ~first, ~inside))
        scores.append(found.scores[order])
    flat = np.concatenate([np.zeros(0), *scores])
    by_score = np.argsort(-flat, kind="stable")
    hits, misses = (np.cumsum(np.concatenate([np.zeros(0, bool), *each])[by_score]) for each in (right, wrong))
    return Curve(ratio(hits, total), ratio(hits, hits + misses), flat[by_score])
