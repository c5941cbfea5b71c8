"""What the pixels of a face say: brightness, contrast and sharpness, of its box in the image as it was taken.

They are measured at the face, not over the image: a face against the light is dark in a bright image.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from facedet.data.structures import Photo

SHARP_SIDE = 64  # pixels: faces are compared at this size, and smaller ones say nothing about blur
NOT_MEASURED = np.float32(np.nan)


class FactsOfPhotos:
    """Collects `face_facts` of the faces of each photo while a model runs on the images: `look` is for `predict`."""

    def __init__(self, photos: Sequence[Photo]):
        self._photos = photos
        self._numbers = {photo.path: k for k, photo in enumerate(photos)}
        self._found: dict[Path, np.ndarray] = {}

    def look(self, path: Path, image: np.ndarray) -> None:
        """Measure the faces of a photo. image: uint8 [h, w, 3] BGR."""
        self._found[path] = face_facts(image, self._photos[self._numbers[path]].boxes)

    def of(self, photos: Iterable[Photo]) -> list[np.ndarray]:
        """The facts of some of the photos."""
        return [self._found[photo.path] for photo in photos]


def face_facts(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Brightness, contrast and sharpness of each face, float32 [n, 3]. image: uint8 [h, w, 3] BGR. boxes [n, 4].

    Brightness: mean of the grey values 0..255. Contrast: their standard deviation. Sharpness: the variance of the
    Laplacian at 64x64 pixels as a share of the variance of the grey values, so that neither light nor contrast counts
    as blur; not a number for faces below 64 pixels, which have too few for that, and for those without contrast.
    """
    facts = [_facts(_cut(image, box)) for box in boxes]
    return np.array(facts, np.float32).reshape(-1, 3)


def _cut(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part of an image in a box, at least one pixel of it."""
    height, width = image.shape[:2]
    x1, y1 = (int(np.clip(value, 0, limit - 1)) for value, limit in zip(box[:2], (width, height), strict=True))
    x2, y2 = (int(np.clip(np.ceil(value), 1, limit)) for value, limit in zip(box[2:], (width, height), strict=True))
    return image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]


def _facts(face: np.ndarray) -> tuple[float, float, float]:
    small = min(face.shape[:2]) < SHARP_SIDE
    reduced = face if small else cv2.resize(face, (SHARP_SIDE, SHARP_SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(reduced, cv2.COLOR_BGR2GRAY).astype(np.float32)
    variance = float(grey.var())
    sharpness = NOT_MEASURED if small or variance < 1 else cv2.Laplacian(grey, cv2.CV_32F).var() / variance
    return float(grey.mean()), variance**0.5, float(sharpness)
