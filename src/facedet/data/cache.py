"""A cache of decoded images, which are read back without decoding."""

import hashlib
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import write_beside
from facedet.data.image import read_image
from facedet.data.storage import identity

_SHARE = 32  # of the room: what a process may write before it looks again what the others wrote


class ImageCache:
    """Decoded images, uncompressed, one file each in a folder.

    An image is decoded when it is first needed, and again when its file has changed. Several processes may share the
    folder. When it is full, nothing is added and nothing removed: the images of a run are all needed equally often.
    limit: bytes that the folder may hold; by default half of what is free or held when the run starts.
    """

    def __init__(self, folder: Path, limit: float | None = None):
        self.folder = folder
        self.limit = (_free(folder) + self._held()) / 2 if limit is None else limit
        self._allowed, self._full = 0.0, False

    def read(self, path: Path) -> np.ndarray:
        """The image, as `read_image` returns it. Raises UserError."""
        file = self.folder / f"{self._key(path)}.npy"
        with suppress(OSError, ValueError, EOFError), file.open("rb") as entry:  # missing or damaged: written again
            image = np.load(entry)
            if np.load(entry) == _checksum(image):
                return image
        image = read_image(path)
        if not self._full and self._has_room(image.nbytes):
            self._write(image, file)
        return image

    def _write(self, image: np.ndarray, file: Path) -> None:
        try:
            with write_beside(file, durable=False) as temporary, temporary.open("wb") as entry:
                np.save(entry, image)
                np.save(entry, _checksum(image))
        except UserError as error:  # training continues without the cache
            print(f"warning: {error}; images are decoded each time", file=sys.stderr, flush=True)
            self._full = True

    def _has_room(self, size: int) -> bool:
        """Whether an image may be added. All processes together exceed the limit by one image each, at most."""
        if size > self._allowed:
            room = self.limit - self._held()
            self._full = room < size
            self._allowed = max(room / _SHARE, size)
        self._allowed -= size
        return not self._full

    def _held(self) -> int:
        """Bytes of all entries."""
        held = 0
        for entry in self.folder.glob("[!.]*.npy"):
            with suppress(OSError):  # removed meanwhile
                held += entry.stat().st_size
        return held

    def _key(self, path: Path) -> str:
        try:
            file = identity(path)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        return hashlib.sha256(str(file).encode()).hexdigest()[:32]


def _checksum(image: np.ndarray) -> np.uint64:
    """Differs if a part of the image was never written: after a power failure, zeros can be in its place."""
    values = image.reshape(-1)
    return values[: len(values) // 8 * 8].view(np.uint64).sum()


def _free(folder: Path) -> int:
    """Free bytes on the disk of a folder, which may not exist yet."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free
