"""Time of `read_image` on a 12-megapixel JPEG, compared with its earlier implementation.

    python bench/read_image.py

Draws a photo-like JPEG with and without an EXIF orientation, reads each with both implementations alternately and
writes bench/results/read_image.txt.
"""

import platform
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from facedet.data.image import read_image

_WIDTH, _HEIGHT = 4000, 3000
_RUNS = 15
_ORIENTATION = 0x0112  # EXIF tag


def main() -> None:
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        for orientation in (6, 1):
            path = _write_jpeg(Path(scratch) / f"{orientation}.jpg", orientation)
            np.testing.assert_array_equal(read_image(path), read_with_copies(path))
            old, new = _times_ms(path)
            name = "no EXIF orientation" if orientation == 1 else f"EXIF orientation {orientation}"
            lines.append(
                f"{_WIDTH}x{_HEIGHT} JPEG, {name} ({platform.machine()}): earlier {old:.0f} ms, "
                f"read_image {new:.0f} ms, ratio {new / old:.2f} (medians of {_RUNS})\n"
            )
    text = "".join(lines)
    (Path(__file__).parent / "results" / "read_image.txt").write_text(text)
    print(text, end="")


def read_with_copies(path: Path) -> np.ndarray:
    """The earlier implementation, for RGB images."""
    with Image.open(path) as image:
        rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _write_jpeg(path: Path, orientation: int) -> Path:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (_HEIGHT // 32, _WIDTH // 32, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC)
    noisy = (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)
    exif = Image.Exif()
    if orientation != 1:
        exif[_ORIENTATION] = orientation
    Image.fromarray(noisy).save(path, quality=90, exif=exif)
    return path


def _times_ms(path: Path) -> tuple[float, float]:
    """Medians of the earlier implementation and of `read_image`."""
    functions = (read_with_copies, read_image)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_RUNS):
        for function, measured in zip(functions, times, strict=True):
            start = time.perf_counter()
            function(path)
            measured.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
