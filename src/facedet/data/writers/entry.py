"""What a writer gets, and how it writes numbers and files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedet.common.files import write_text
from facedet.common.parallel import map_ahead
from facedet.data.structures import Photo

TRAIN, VAL = "train", "val"


@dataclass(frozen=True)
class Entry:
    """An image as the target holds it: every box has a class, and the file has this name in the folder of the images.

    part: `TRAIN` or `VAL`.
    """

    photo: Photo
    name: str
    part: str = TRAIN

    @property
    def boxes(self) -> list[list[float]]:
        """Corners x1 y1 x2 y2 in pixels: the shortest decimal numbers that are these float32."""
        values = [float(str(value)) for value in self.photo.boxes.astype(np.float32).ravel()]
        return [values[k : k + 4] for k in range(0, len(values), 4)]

    @property
    def boxes_xywh(self) -> list[list[float]]:
        """x y w h in pixels; x + w is the right corner as float32."""
        return [[x1, y1, round(x2 - x1, 10), round(y2 - y1, 10)] for x1, y1, x2, y2 in self.boxes]


def write_texts(files: Iterable[tuple[Path, str]]) -> None:
    """`write_text` for many files: several at once, as most of the time is waiting for the disk."""
    for _ in map_ahead(lambda file: write_text(*file), files):
        pass
