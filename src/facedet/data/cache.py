"""A cache of decoded images, which are read back without decoding."""

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import write_beside
from facedet.data.image import read_image
from facedet.data.storage import identity


def read_reduced(path: Path, largest_side: int | None) -> np.ndarray:
    """Read an image as uint8 [h, w, 3] BGR, reduced so that no side is longer than `largest_side`, pixels.

    None keeps every size. Raises UserError.
    """
    image = read_image(path)
    size = reduced_size(image.shape[1], image.shape[0], largest_side)
    return image if size == image.shape[1::-1] else cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def reduced_size(width: int, height: int, largest_side: int | None) -> tuple[int, int]:
    """Width and height, in pixels, of an image that `read_reduced` returns."""
    scale = (largest_side or max(width, height)) / max(width, height)
    return (width, height) if scale >= 1 else (max(1, round(width * scale)), max(1, round(height * scale)))


class ImageCache:
    """The images that `read_reduced` returns, uncompressed, one file each in a folder.

    An image is decoded when it is first needed, and again when its file has changed. Several processes may share the
    folder.
    """

    def __init__(self, folder: Path, largest_side: int | None):
        self.folder, self.largest_side, self._full = folder, largest_side, False

    def read(self, path: Path) -> np.ndarray:
        """The image, as `read_reduced` returns it. Raises UserError."""
        file = self.folder / f"{self._key(path)}.npy"
        with suppress(OSError, ValueError, EOFError):  # missing or damaged: it is written again
            return np.load(file)
        image = read_reduced(path, self.largest_side)
        try:
            with write_beside(file) as temporary, temporary.open("wb") as out:
                np.save(out, image)
        except UserError as error:  # training continues without the cache
            if not self._full:
                print(f"warning: {error}; images are decoded each time", file=sys.stderr, flush=True)
            self._full = True
        return image

    def _key(self, path: Path) -> str:
        try:
            file = identity(path)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        known = f"{file} {self.largest_side}"
        return hashlib.sha256(known.encode()).hexdigest()[:32]
