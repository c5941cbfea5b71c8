"""Read every image of a dataset once, in parallel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress
from facedet.data.image import image_orientation, read_image
from facedet.data.inspect.hashing import Fingerprint, fingerprint
from facedet.data.storage import digest


@dataclass(frozen=True)
class InspectedImage:
    """Displayed size in pixels, EXIF orientation, file digest and fingerprint; only `error` if unreadable."""

    width: int = 0
    height: int = 0
    orientation: int = 1
    digest: str = ""
    fingerprint: Fingerprint | None = None
    error: str = ""


def inspect_images(paths: Sequence[Path], progress: Progress, description: str) -> list[InspectedImage]:
    """Decode every image, in the order given. An unreadable image gets an `error` and does not stop the others."""
    return list(map_ahead(_inspect, progress(paths, description)))


def _inspect(path: Path) -> InspectedImage:
    try:
        image = read_image(path)
        height, width = image.shape[:2]
        return InspectedImage(width, height, image_orientation(path), digest(path), fingerprint(image))
    except UserError as error:
        return InspectedImage(error=error.without(path))
    except OSError as error:
        return InspectedImage(error=error.strerror or str(error))
