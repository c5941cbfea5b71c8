"""Draw boxes on images, and images in a grid."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from facedet.data.structures import Detections

GREEN, RED, BLUE, AMBER = (60, 180, 60), (60, 60, 220), (220, 120, 30), (0, 170, 240)  # BGR
CELL = 320  # pixels: side of a picture in a grid


def draw_boxes(image: np.ndarray, detections: Detections, colour: tuple[int, int, int] = GREEN) -> np.ndarray:
    """Copy an image uint8 [h, w, 3] BGR and draw boxes (in its pixels) with their scores; no label for NaN."""
    out, finite = image.copy(), np.isfinite(detections.boxes).all(axis=1)
    boxes, scores = detections.boxes[finite].round().astype(int).tolist(), detections.scores[finite]
    unit = max(min(image.shape[:2]) / 400, 0.5)
    thickness = max(round(2 * unit), 1)
    for (x1, y1, x2, y2), score in zip(boxes, scores, strict=True):
        cv2.rectangle(out, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)
        if not np.isnan(score):
            _label(out, f"{score:.2f}", x1, y1, unit, colour)
    return out


def grid(images: Sequence[np.ndarray], columns: int = 4, side: int = CELL) -> np.ndarray:
    """Arrange images uint8 [h, w, 3] row by row on white, each fitted into a square cell of `side` pixels."""
    gap = 6
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * (side + gap) + gap, columns * (side + gap) + gap, 3), 255, np.uint8)
    for k, image in enumerate(images):
        image = fit(image, side)
        h, w = image.shape[:2]
        top = gap + (k // columns) * (side + gap) + (side - h) // 2
        left = gap + (k % columns) * (side + gap) + (side - w) // 2
        sheet[top : top + h, left : left + w] = image
    return sheet


def fit(image: np.ndarray, side: int = CELL) -> np.ndarray:
    """Resize an image so that its longer side has `side` pixels."""
    scale = side / max(image.shape[:2])
    h, w = (max(round(edge * scale), 1) for edge in image.shape[:2])
    return cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)


def _label(out: np.ndarray, text: str, x: int, y: int, unit: float, colour: tuple[int, int, int]) -> None:
    size, thickness = 0.45 * unit, max(round(unit), 1)
    (w, h), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thickness)
    y = max(y, h + base)  # above the box, inside the image
    x = min(max(x, 0), max(out.shape[1] - w, 0))
    cv2.rectangle(out, (x, y - h - base), (x + w, y), colour, cv2.FILLED)
    cv2.putText(out, text, (x, y - base // 2), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), thickness, cv2.LINE_AA)
