"""Boxes and detections from rows x, y, w, h."""

from pathlib import Path

import numpy as np

from facedet.core.data.structures import Detections, Photo


def detections(*rows: tuple | np.ndarray) -> Detections:
    """Detections from rows x, y, w, h, score."""
    x, y, w, h, score = np.array(rows, np.float64).reshape(-1, 5).T
    return Detections(np.column_stack([x, y, x + w, y + h]), score)


def boxes(*rows: tuple) -> np.ndarray:
    """Corners [n, 4] from rows x, y, w, h."""
    x, y, w, h = np.array(rows, np.float64).reshape(-1, 4).T
    return np.column_stack([x, y, x + w, y + h])


def photo(name: str, faces: np.ndarray, *ignored: bool) -> Photo:
    """An annotated image of 500x500 pixels; no file is written."""
    return Photo(Path(name), 500, 500, faces, np.array(ignored or [False] * len(faces), bool))
