"""Open every picture of a set once, several at a time: size, orientation, digest, fingerprint, or why it cannot be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.ahead import read_ahead
from data.errors import UserError
from data.hashing import Fingerprint, file_digest, fingerprint
from data.image import image_orientation, read_image
from data.progress import Progress


@dataclass(frozen=True)
class Inspected:
    """A picture's displayed size in pixels, its EXIF orientation, and what tells its copies; `error` if unreadable."""

    width: int = 0
    height: int = 0
    orientation: int = 1
    digest: str = ""
    print: Fingerprint | None = None
    error: str = ""


def inspect_pictures(paths: Sequence[Path], progress: Progress, description: str) -> list[Inspected]:
    """Decode every picture, in the order given; none that cannot be read stops it."""
    return list(read_ahead(_inspect, progress(paths, description)))


def _inspect(path: Path) -> Inspected:
    try:
        image = read_image(path)
        height, width = image.shape[:2]
        return Inspected(width, height, image_orientation(path), file_digest(path), fingerprint(image))
    except (UserError, OSError) as error:
        return Inspected(error=str(error).removeprefix(f"{path}: "))
