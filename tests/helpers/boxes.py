"""Boxes and detections written by hand, as x, y, w, h."""

import numpy as np

from facedet.core.data.structures import Detections


def detections(*rows: tuple | np.ndarray) -> Detections:
    """From rows x, y, w, h, score."""
    x, y, w, h, score = np.array(rows, np.float64).reshape(-1, 5).T
    return Detections(np.column_stack([x, y, x + w, y + h]), score)


def boxes(*rows: tuple) -> np.ndarray:
    x, y, w, h = np.array(rows, np.float64).reshape(-1, 4).T
    return np.column_stack([x, y, x + w, y + h])
