"""Overlaps of boxes in plain NumPy. Boxes are x1 y1 x2 y2 in pixels."""

import numpy as np


def overlaps(a: np.ndarray, b: np.ndarray, *, extra: float = 0, over_first: bool = False) -> np.ndarray:
    """Overlap [n, m] of boxes a [n, 4] and b [m, 4]: intersection over union, or over a's area if `over_first`.

    extra: pixels added to every width and height, 1 where both edges count as inside. Boxes without area overlap
    nothing.
    """
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]) + extra
    shared = sides.clip(0).prod(axis=2)
    area_a, area_b = ((x[:, 2:] - x[:, :2] + extra).clip(0).prod(axis=1) for x in (a, b))
    whole = area_a[:, None] if over_first else area_a[:, None] + area_b[None] - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
