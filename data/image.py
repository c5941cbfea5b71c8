"""Pictures from files to arrays, and their one way into a network's square input."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facedet.core.common.errors import UserError, first_line
from facedet.core.common.files import write_beside

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
UNREADABLE = "cannot be read as a picture"
_ORIENTATION = 0x0112  # EXIF tag; 5..8 exchange width and height


def read_image(path: Path) -> np.ndarray:
    """Picture as uint8 [height, width, 3] BGR, EXIF orientation applied; grey, palette, alpha and 16 bit reduced.

    Raises UserError if the file is missing, not a picture, or truncated.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            rgb = np.asarray(_eight_bit(upright).convert("RGB"))
    except Exception as error:  # Pillow's decoders raise many kinds (OSError, SyntaxError, struct.error, ...)
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error
    return np.ascontiguousarray(rgb[:, :, ::-1])


def image_size(path: Path) -> tuple[int, int]:
    """Displayed width and height, from the file's header alone. Raises UserError like `read_image`."""
    try:
        with Image.open(path) as image:
            return (image.height, image.width) if _orientation(image) >= 5 else (image.width, image.height)
    except Exception as error:
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error


def image_orientation(path: Path) -> int:
    """EXIF orientation from the header: 1 upright, 2..8 mirrored or turned. Raises UserError like `read_image`."""
    try:
        with Image.open(path) as image:
            return _orientation(image)
    except Exception as error:
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error


def find_images(source: Path) -> list[Path]:
    """The picture files of a folder, sorted by name, or the one file given. Raises UserError if there is none."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UserError(f"{source}: no such file or folder")
    found = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise UserError(f"{source}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def to_input(image: np.ndarray, size: int) -> np.ndarray:
    """Resize [h, w, 3] to the square [size, size, 3] without keeping the ratio, bilinear."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def to_tensor(image: np.ndarray, size: int) -> np.ndarray:
    """Picture uint8 [h, w, 3] BGR -> float32 [1, 3, size, size] BGR 0..255, what a network takes."""
    return np.ascontiguousarray(to_input(image, size).transpose(2, 0, 1)[None], np.float32)


def to_photo(boxes: np.ndarray, size: int, width: int, height: int) -> np.ndarray:
    """Boxes [n, 4] from pixels of the square input to pixels of the original picture."""
    return boxes * np.array([width, height, width, height], np.float32) / np.float32(size)


def write_png(image: np.ndarray, path: Path) -> None:
    """Write uint8 [h, w, 3] BGR. Raises UserError if the folder is full or cannot be written to."""
    with write_beside(path) as beside:
        Image.fromarray(np.ascontiguousarray(image[:, :, ::-1])).save(beside, format="PNG")


def _orientation(image: Image.Image) -> int:
    # Pillow would decode a PNG to look for an orientation behind its pixels, where hardly any writer puts it
    silent = image.format == "PNG" and "exif" not in image.info
    return 1 if silent else image.getexif().get(_ORIENTATION, 1)


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    if image.mode == "F":
        return Image.fromarray(np.asarray(image).clip(0, 255).astype(np.uint8))
    return image


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return "it is not one" if isinstance(error, UnidentifiedImageError) else first_line(error)
