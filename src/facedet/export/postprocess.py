"""Post-processing of one image in NumPy alone: what an exported graph does with its boxes and scores before NMS."""

import numpy as np


def postprocess(
    boxes: np.ndarray, scores: np.ndarray, *, score_threshold: float, iou_threshold: float, max_boxes: int
) -> np.ndarray:
    """Select boxes: scores above the threshold, then NMS, then the best `max_boxes`.

    boxes: float32 [n, 4], x1 y1 x2 y2 in pixels. scores: float32 [n]. Returns rows [k, 5], x1 y1 x2 y2 score, best
    first; of equal scores the earlier box comes first.
    """
    candidates = np.flatnonzero(scores > score_threshold)
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")]
    kept: list[int] = []
    while len(candidates) and len(kept) < max_boxes:
        best, candidates = candidates[0], candidates[1:]
        kept.append(int(best))
        candidates = candidates[_iou(boxes[best], boxes[candidates]) <= iou_threshold]
    return np.column_stack([boxes[kept], scores[kept]])


def _iou(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    intersection = sides.clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + areas - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
