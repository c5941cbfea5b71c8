"""A cache of decoded images, which are read back without decoding."""

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import write_beside
from facedet.data.image import read_image
from facedet.data.storage import identity


class ImageCache:
    """Decoded images, uncompressed, one file each in a folder.

    An image is decoded when it is first needed, and again when its file has changed. Several processes may share the
    folder.
    """

    def __init__(self, folder: Path):
        self.folder, self._full = folder, False

    def read(self, path: Path) -> np.ndarray:
        """The image, as `read_image` returns it. Raises UserError."""
        file = self.folder / f"{self._key(path)}.npy"
        with suppress(OSError, ValueError, EOFError):  # missing or damaged: it is written again
            return np.load(file)
        image = read_image(path)
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
        return hashlib.sha256(str(file).encode()).hexdigest()[:32]
