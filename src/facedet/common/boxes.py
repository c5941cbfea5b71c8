"""Overlap of boxes in plain NumPy. Boxes are x1 y1 x2 y2 in pixels."""

import numpy as np


def overlaps(a: np.ndarray, b: np.ndarray, *, extra: float = 0, over_first: bool = False) -> np.ndarray:
    """Overlap [n, m] of boxes a [n, 4] and b [m, 4]: intersection over union, or over a's area if `over_first`.

    extra: pixels added to every width and height, 1 for protocols whose boxes include both edges. The overlap of a box
    without area is 0.
    """
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]) + extra
    intersection = sides.clip(0).prod(axis=2)
    area_a, area_b = ((x[:, 2:] - x[:, :2] + extra).clip(0).prod(axis=1) for x in (a, b))
    divisor = area_a[:, None] if over_first else area_a[:, None] + area_b[None] - intersection
    return np.divide(intersection, divisor, out=np.zeros_like(intersection), where=divisor > 0)
