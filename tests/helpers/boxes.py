"""Boxes and detections from rows x, y, w, h, and how close detections of two programs are."""

from pathlib import Path

import numpy as np

from facedet.data.structures import Detections, Photo


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


def assert_same(found: Detections, expected: Detections, above: float, px: float, score: float) -> None:
    """Each detection with a score above a threshold has one in the other set: within `px` at each side, and `score`.

    Detections at the threshold, within `score`, need none.
    """
    for first, second in ((found, expected), (expected, found)):
        sure = first.above(above + score)
        assert len(sure.scores) > 0
        near = np.abs(sure.boxes[:, None] - second.boxes[None]).max(axis=2) <= px
        near &= np.abs(sure.scores[:, None] - second.scores[None]) <= score
        assert near.any(axis=1).all()
