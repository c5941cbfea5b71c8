"""Damaged and odd image files are read at the size of their header, or refused in one line."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.attack import Counts, random_of
from helpers.mutants.of_bytes import BYTES
from PIL import Image

from facedet.data.image import image_size, read_image

SAMPLES = 300
_EXIF = Image.Exif()
_EXIF[0x0112] = 6


def _bytes(image: Image.Image, format: str, **options: object) -> bytes:
    image.save(stream := io.BytesIO(), format, **options)
    return stream.getvalue()


def _huge_png(width: int, height: int, rows: int) -> bytes:
    """A PNG that declares a size, with so many rows of zeros, which are small when compressed."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows * (1 + 3 * width)), 9)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def images() -> list[tuple[str, bytes]]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    colour, grey = Image.fromarray(noise), Image.fromarray(noise[:, :, 0])
    palette = colour.convert("P", palette=Image.Palette.ADAPTIVE)
    return [
        ("a.jpg", _bytes(colour, "JPEG", exif=_EXIF)),
        ("progressive.jpg", _bytes(colour, "JPEG", progressive=True)),
        ("cmyk.jpg", _bytes(colour.convert("CMYK"), "JPEG")),
        ("a.png", _bytes(colour, "PNG", exif=_EXIF)),
        ("grey16.png", _bytes(Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257), "PNG")),
        ("palette.png", _bytes(palette, "PNG", transparency=0)),
        ("alpha.png", _bytes(Image.merge("LA", (grey, grey)), "PNG")),
        ("animated.gif", _bytes(palette, "GIF", save_all=True, append_images=[palette.rotate(90)])),
        ("animated.webp", _bytes(colour, "WEBP", save_all=True, append_images=[colour.rotate(180)])),
        ("a.bmp", _bytes(colour, "BMP")),
        ("a.tif", _bytes(colour, "TIFF")),  # libtiff, which reads compressed ones, writes its errors on stderr itself
        ("a.jp2", _bytes(colour, "JPEG2000")),
        ("bomb.png", _huge_png(100_000, 100_000, 1)),
        ("longer.png", _huge_png(100, 10, 50_000)),
        ("shorter.png", _huge_png(3000, 3000, 1)),
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")  # pytest undoes the filter of facedet.data.image
def test_damaged_images(share: float, counts: Counts, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rng, samples = random_of("images"), images()
    for number in range(max(len(samples), round(SAMPLES * share))):
        name, data = samples[number % len(samples)]
        if number >= len(samples):
            change = rng.choice(BYTES)
            name, data = f"{change.__name__}-{name}", change(rng, data)
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(data)
        with counts.sample(path.name):
            width, height = image_size(path)
            assert read_image(path).shape == (height, width, 3)
        os.unlink(path)
    assert capfd.readouterr().err == ""
    assert counts.clean
