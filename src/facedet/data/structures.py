"""Annotated images and detections, as plain arrays. Boxes are x1 y1 x2 y2 in pixels, float32."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path

import numpy as np

from facedet.data.losses import Loss

BOX = "box"
NOT_STATED = -1
OCCLUSION = ("not occluded", "occluded", "heavily occluded")  # WIDER FACE has three levels, other formats the first two


@dataclass(frozen=True)
class Photo:
    """An annotated image file. Boxes refer to the image with EXIF orientation applied.

    boxes [n, 4]; ignored [n] is true for faces excluded from training and evaluation (COCO `iscrowd`, VOC `difficult`).
    classes: class name of each box in the annotation, if it has names. unread: why the
    annotation could not be read completely, so that the image may have other faces; empty if it could.
    shapes: what each box was made from, such as `BOX` or polygon; empty if all are boxes, and after reading.
    occlusion: an index into `OCCLUSION` for each box, `NOT_STATED` if the annotation does not say; empty if it says so
    of none.
    """

    path: Path
    width: int
    height: int
    boxes: np.ndarray
    ignored: np.ndarray
    classes: tuple[str, ...] = ()
    unread: str = ""
    shapes: tuple[str, ...] = ()
    occlusion: tuple[int, ...] = ()

    def only(self, kept: np.ndarray) -> "Photo":
        """The photo with a part of its boxes. kept: bool [n]."""
        boxes, ignored = self.boxes[kept], self.ignored[kept]
        classes, shapes = (tuple(compress(of_boxes, kept)) for of_boxes in (self.classes, self.shapes))
        occlusion = tuple(compress(self.occlusion, kept))
        return replace(self, boxes=boxes, ignored=ignored, classes=classes, shapes=shapes, occlusion=occlusion)


@dataclass(frozen=True)
class AnnotatedDataset:
    """Annotated images, and what could not be used. classes: those of all boxes that are not ignored, used or not."""

    photos: Sequence[Photo]
    losses: list[Loss] = field(default_factory=list)
    classes: frozenset[str] = frozenset()

    @property
    def skipped(self) -> list[str]:
        """One line for each loss."""
        return [str(loss) for loss in self.losses]

    @property
    def faces(self) -> int:
        """Number of faces that are not ignored."""
        return sum(int((~photo.ignored).sum()) for photo in self.photos)


@dataclass(frozen=True)
class Detections:
    """Detections of a model in one image: boxes [k, 4], scores [k] in 0..1, in descending order of score."""

    boxes: np.ndarray
    scores: np.ndarray

    def above(self, threshold: float) -> "Detections":
        """The detections with a score above `threshold`."""
        keep = self.scores > threshold
        return Detections(self.boxes[keep], self.scores[keep])


NO_DETECTIONS = Detections(np.zeros((0, 4)), np.zeros(0))
