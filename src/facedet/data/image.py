"""Read and write image files, and convert images to the square input of a network."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facedet.common.errors import UserError, first_line
from facedet.common.files import write_beside

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
UNREADABLE = "cannot be read as an image"
_ORIENTATION = 0x0112  # EXIF tag; 5..8 swap width and height


def read_image(path: Path) -> np.ndarray:
    """Read an image as uint8 [height, width, 3] BGR with EXIF orientation applied.

    Grey, palette, CMYK, alpha and 16-bit images are converted to 8-bit colour. Raises UserError if the file is missing,
    truncated or not an image.
    """
    try:
        with Image.open(path) as image:
            ImageOps.exif_transpose(image, in_place=True)  # changes the opened image, which is the only copy
            rgb = np.asarray(_to_rgb(image))
    except Exception as error:  # Pillow's decoders raise many types (OSError, SyntaxError, struct.error, ...)
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height with EXIF orientation applied, from the header. Raises UserError like `read_image`."""
    try:
        with Image.open(path) as image:
            transposed = _orientation(image) >= 5 and image.format != "TIFF"  # Pillow has already swapped a TIFF's size
            return (image.height, image.width) if transposed else (image.width, image.height)
    except Exception as error:
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error


def image_orientation(path: Path) -> int:
    """EXIF orientation from the header: 1 normal, 2..8 mirrored or rotated. Raises UserError like `read_image`."""
    try:
        with Image.open(path) as image:
            return _orientation(image)
    except Exception as error:
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error


def find_images(source: Path) -> list[Path]:
    """The image files of a folder, sorted by name, or the given file. Raises UserError if there is none."""
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UserError(f"{source}: no such file or folder")
    found = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise UserError(f"{source}: contains no images ({', '.join(sorted(SUFFIXES))})")
    return found


def to_input(image: np.ndarray, size: int) -> np.ndarray:
    """Resize [h, w, 3] to [size, size, 3], bilinear. The aspect ratio is not kept."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)


def to_tensor(image: np.ndarray, size: int) -> np.ndarray:
    """Image uint8 [h, w, 3] BGR -> network input float32 [1, 3, size, size] BGR 0..255."""
    return np.ascontiguousarray(to_input(image, size).transpose(2, 0, 1)[None], np.float32)


def to_photo(boxes: np.ndarray, size: int, width: int, height: int) -> np.ndarray:
    """Convert boxes [n, 4] from pixels of the square input to pixels of the original image."""
    return boxes * np.array([width, height, width, height], np.float32) / np.float32(size)


def write_png(image: np.ndarray, path: Path) -> None:
    """Write uint8 [h, w, 3] BGR. Raises UserError if the file cannot be written."""
    with write_beside(path) as temporary:
        Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).save(temporary, format="PNG")


def _orientation(image: Image.Image) -> int:
    # Pillow would decode a PNG to look for EXIF data after the pixels, where few writers put it
    without_exif = image.format == "PNG" and "exif" not in image.info
    return 1 if without_exif else image.getexif().get(_ORIENTATION, 1)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image  # convert() would copy it
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    elif image.mode == "F":
        image = Image.fromarray(np.asarray(image).clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return "not an image file" if isinstance(error, UnidentifiedImageError) else first_line(error)
