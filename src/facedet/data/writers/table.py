"""The formats that can be written, and what they can hold. Imports nothing heavy: help texts list their names.

A format is a module next to this one, with the format's name. Its `write` writes the annotations, not the images.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

_EVERY_TOOLS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Target:
    """A row of the table.

    images: the folder of the images. flat: its tools do not look into subfolders of it. suffixes: of the images that
    its tools find; empty if the annotation names them. marks_ignored, has_classes: whether it can hold ignored faces,
    and more than one class.
    """

    name: str
    images: str
    flat: bool = False
    suffixes: tuple[str, ...] = ()
    marks_ignored: bool = True
    has_classes: bool = True

    @property
    def module(self) -> Any:
        return import_module(f"facedet.data.writers.{self.name}")


TARGETS = {
    each.name: each
    for each in (
        Target("coco", "images"),
        Target("cvat", "images", marks_ignored=False),
        Target("datumaro", "images/default"),
        Target("voc", "JPEGImages", flat=True, suffixes=_EVERY_TOOLS),
        Target("wider", "WIDER_train/images/0--Faces", flat=True, has_classes=False),
        Target("yolo", "images", flat=True, suffixes=_EVERY_TOOLS, marks_ignored=False),
    )
}
