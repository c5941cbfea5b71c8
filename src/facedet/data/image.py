"""Read and write image files, and convert images to the square input of a network."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose

from facedet.common.errors import UserError, first_line
from facedet.common.files import write_beside
from facedet.common.progress import Tell, tell_nobody
from facedet.data.storage import files_in, folders_in, is_dir, is_file, opened

# Pillow's decoders that may read a file, whatever its suffix, and the suffixes that make a file an image. None of them
# starts another program.
DECODERS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
    "JPEG2000": (".jp2",),
    "AVIF": (".avif",),
}
SUFFIXES = {suffix for suffixes in DECODERS.values() for suffix in suffixes}
# Formats of photographs that are not read. A file of them is a lost image, and no file of another kind.
UNREAD_SUFFIXES = {
    *(".heic", ".heif", ".hif", ".jxl", ".jpx", ".j2k", ".jxr", ".psd", ".tga", ".pcx", ".ico", ".exr", ".hdr", ".eps"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".svg", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
}
_NAMED = 3  # files in a message
warnings.filterwarnings("ignore", module=r"PIL\.")  # what is wrong with an image is an error, or does not matter
UNREADABLE = "cannot be read as an image"
_ORIENTATION = 0x0112  # EXIF tag
_TRANSPOSED = 5  # and larger orientations swap width and height
_TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


def read_image(path: Path) -> np.ndarray:
    """Read an image as uint8 [height, width, 3] BGR with EXIF orientation applied.

    Grey, palette, CMYK, alpha and 16-bit images are converted to 8-bit colour. Raises UserError if the file is missing,
    truncated, not an image, or has more than 178 million pixels (twice Pillow's `MAX_IMAGE_PIXELS`).
    """
    try:
        with _opened(path) as image:
            turn = _TURNS.get(_orientation(image))
            rgb = np.asarray(_to_rgb(image if turn is None else image.transpose(turn)))
    except Exception as error:  # Pillow's decoders raise many types (OSError, SyntaxError, struct.error, ...)
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height with EXIF orientation applied, from the header. Raises UserError like `read_image`."""
    try:
        with _opened(path) as image:
            transposed = _orientation(image) >= _TRANSPOSED
            return (image.height, image.width) if transposed else (image.width, image.height)
    except Exception as error:
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error


def image_orientation(path: Path) -> int:
    """EXIF orientation that `read_image` undoes: 1 normal, 2..8 mirrored or rotated. Raises UserError like it."""
    try:
        with _opened(path) as image:
            return _orientation(image)
    except Exception as error:
        raise UserError(f"{path}: {UNREADABLE} ({_reason(error)})") from error


def find_images(source: Path, tell: Tell = tell_nobody) -> list[Path]:
    """The image files of a folder, sorted by name, of a zip, or the given file. Raises UserError if there is none.

    tell: called with a line that names what else is there and is passed over, if anything is.
    """
    if is_file(source):
        return [source]
    if not is_dir(source):
        raise UserError(f"{source}: no such file or folder")
    zipped = os.path.isfile(source)
    files = files_in(source, nested=zipped)
    found = [path for path in files if is_image_name(path)]
    if not found:
        raise UserError(f"{source}: contains no images ({', '.join(sorted(SUFFIXES))})")
    others = [path for path in files if not is_image_name(path)] + ([] if zipped else folders_in(source))
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        tell(f"{source}: {', '.join(path.name for path in others[:_NAMED])}{more}: no image files")
    return found


def is_image_name(path: Path) -> bool:
    """Whether the suffix of a file is that of an image that can be read."""
    return path.suffix.lower() in SUFFIXES


def is_unread_name(path: Path) -> bool:
    """Whether the suffix of a file is that of a photograph that cannot be read."""
    return path.suffix.lower() in UNREAD_SUFFIXES


def to_input(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize [h, w, 3] to `size`, height and width, bilinear. The aspect ratio is not kept."""
    height, width = size
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def to_tensor(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Image uint8 [h, w, 3] BGR -> network input float32 [1, 3, *size] BGR 0..255. size: height and width."""
    return np.ascontiguousarray(to_input(image, size).transpose(2, 0, 1)[None], np.float32)


def to_photo(boxes: np.ndarray, size: tuple[int, int], width: int, height: int) -> np.ndarray:
    """Convert boxes [n, 4] from pixels of the input, whose height and width are `size`, to those of the image."""
    return boxes * np.array([width, height] * 2, np.float32) / np.array(size[::-1] * 2, np.float32)


def write_png(image: np.ndarray, path: Path) -> None:
    """Write uint8 [h, w, 3] BGR. Raises UserError if the file cannot be written."""
    with write_beside(path) as temporary:
        Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).save(temporary, format="PNG")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with opened(path) as file, Image.open(file, formats=list(DECODERS)) as image:
        image.info.pop("xmp", None)  # from which Pillow would turn a TIFF, but not its size
        yield image


def _orientation(image: Image.Image) -> int:
    """The orientation in the EXIF data before the pixels; 1 if there is none or it is no number from 1 to 8."""
    if image.format == "TIFF":  # Pillow turns it itself, with its size
        return 1
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        orientation = exif.get(_ORIENTATION)
    except Exception:  # damaged EXIF data raises many types
        return 1
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image  # convert() would copy it
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    elif image.mode == "F":
        values = np.asarray(image)
        if not np.isfinite(values).all():
            raise ValueError("it has values that are not numbers")
        scale = 255 if values.max() <= 1 else 1  # grey levels as fractions
        image = Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))
    return image.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return "not an image file" if isinstance(error, UnidentifiedImageError) else first_line(error)
