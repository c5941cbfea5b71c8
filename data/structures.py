"""Annotated photographs and detections, as plain arrays. Boxes are x1 y1 x2 y2 in pixels, float32."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Photo:
    """An annotated photograph. Boxes refer to the picture as it is displayed (EXIF orientation applied).

    boxes [n, 4]; ignored [n] is true for faces that neither count nor punish (COCO `iscrowd`, VOC `difficult`).
    classes: the annotation's own name of each box, where it has names; all count as a face.
    """

    path: Path
    width: int
    height: int
    boxes: np.ndarray
    ignored: np.ndarray
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotatedDataset:
    """Photographs, and one line for every image or box that was left out, with the reason."""

    photos: list[Photo]
    skipped: list[str] = field(default_factory=list)

    @property
    def faces(self) -> int:
        """Number of faces that count."""
        return sum(int((~photo.ignored).sum()) for photo in self.photos)


@dataclass(frozen=True)
class Detections:
    """What a model found in one picture: boxes [k, 4], scores [k] in 0..1, best first."""

    boxes: np.ndarray
    scores: np.ndarray

    def above(self, threshold: float) -> "Detections":
        """Those with a score over `threshold`."""
        keep = self.scores > threshold
        return Detections(self.boxes[keep], self.scores[keep])


NO_DETECTIONS = Detections(np.zeros((0, 4)), np.zeros(0))
