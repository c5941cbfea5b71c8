"""Match the detections of two models in one image one to one."""

from dataclasses import dataclass

import numpy as np

from facedet.common.boxes import overlaps
from facedet.data.structures import Detections

_MIN_IOU = 0.5  # from this IoU two boxes can be the same detection; NMS leaves no such pair within one model


@dataclass(frozen=True)
class Match:
    """pairs int [m, 2]: indices into the first and the second; iou [m]: of each pair.

    only_first, only_second: indices of unmatched ones.
    """

    pairs: np.ndarray
    iou: np.ndarray
    only_first: np.ndarray
    only_second: np.ndarray


def match(first: Detections, second: Detections) -> Match:
    """Match each detection at most once: highest IoU first, and the nearest score where IoUs are equal."""
    iou = box_iou(first.boxes, second.boxes)
    rows, columns = np.nonzero(iou >= _MIN_IOU)
    score_difference = np.abs(first.scores[rows] - second.scores[columns])
    pairs, used_first, used_second = [], set(), set()
    for k in np.lexsort((score_difference, -iou[rows, columns])):
        i, j = int(rows[k]), int(columns[k])
        if i not in used_first and j not in used_second:
            pairs.append((i, j))
            used_first.add(i)
            used_second.add(j)
    indices = np.array(pairs, int).reshape(-1, 2)
    return Match(
        indices,
        iou[indices[:, 0], indices[:, 1]],
        np.setdiff1d(np.arange(len(first.scores)), list(used_first)),
        np.setdiff1d(np.arange(len(second.scores)), list(used_second)),
    )


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU [n, m] of boxes a [n, 4] and b [m, 4]; 1 for equal boxes, even if they have no area."""
    iou = np.nan_to_num(overlaps(a, b))
    iou[(a[:, None] == b[None]).all(axis=2)] = 1
    return iou
