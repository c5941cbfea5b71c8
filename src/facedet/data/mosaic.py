"""Mosaic: one view that shows parts of four."""

import cv2
import numpy as np

from facedet.data.augment import MIN_SIDE, Augmented
from facedet.data.crop import Frame, centred_in

_CENTRE = 0.3, 0.7  # range of the point where the parts meet, as a fraction of the side


def mosaic(
    views: list[Augmented],
    size: int,
    rng: np.random.Generator,
    scale: tuple[float, float] = (0.5, 1.0),
    keep_cut: bool = False,
) -> Augmented:
    """A view [size, size, 3] whose quarters, around a random point, show random parts of four views.

    scale: range of the factor by which the mosaic resizes its views; a view that would not fill its quarter stays
    larger. keep_cut: as for `Augment`.
    """
    x, y = (int(side) for side in rng.uniform(*_CENTRE, 2) * size)
    factor = rng.uniform(*scale)
    frames = (0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)
    image, faces = np.empty((size, size, 3), np.uint8), []
    for view, frame in zip(views, frames, strict=True):
        pixels, boxes = _part(view, frame, factor, rng)
        image[frame[1] : frame[3], frame[0] : frame[2]] = pixels
        faces.append(_cut(boxes, view.ignored, frame, keep_cut))
    boxes, ignored = (np.concatenate(parts) for parts in zip(*faces, strict=True))
    return Augmented(image, boxes.astype(np.float32), ignored)


def _part(view: Augmented, frame: Frame, factor: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the frame [h, w, 3], and all boxes [n, 4] of the view at their new places."""
    wanted = np.subtract(frame[2:], frame[:2])
    sides = np.array(view.image.shape[1::-1])
    shown = np.minimum(np.rint(wanted / max(factor, *(wanted / sides))), sides).astype(int)
    left, top = rng.integers(0, sides - shown, endpoint=True)
    pixels = view.image[top : top + shown[1], left : left + shown[0]]
    boxes = (view.boxes - [left, top] * 2) * np.tile(wanted / shown, 2) + frame[:2] * 2
    return cv2.resize(pixels, wanted.tolist(), interpolation=cv2.INTER_LINEAR), boxes


def _cut(boxes: np.ndarray, ignored: np.ndarray, frame: Frame, keep_cut: bool) -> tuple[np.ndarray, np.ndarray]:
    inside = centred_in(boxes, frame)
    boxes = np.hstack([np.maximum(boxes[:, :2], frame[:2]), np.minimum(boxes[:, 2:], frame[2:])])
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    whole = inside & (sides >= MIN_SIDE)
    kept = (sides > 0) if keep_cut else whole
    return boxes[kept], (ignored | ~whole)[kept]
