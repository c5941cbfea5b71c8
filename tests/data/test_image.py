"""Read and write image files, and map boxes back to the original image."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from facedet.common.errors import UserError
from facedet.data.image import DECODERS, SUFFIXES, image_size, read_image, to_input, to_photo, write_png


def test_images_of_every_mode_are_read_as_bgr(tmp_path: Path) -> None:
    rgb = np.zeros((20, 30, 3), np.uint8)
    rgb[:, :15] = (250, 10, 40)
    colour = Image.fromarray(rgb)
    grey16 = Image.fromarray(np.full((20, 30), 200 * 256, np.uint16))
    images = {
        "rgb.png": (colour, (40, 10, 250)),
        "rgba.png": (colour.convert("RGBA"), (40, 10, 250)),
        "palette.png": (colour.convert("P", palette=Image.Palette.ADAPTIVE), (40, 10, 250)),
        "grey.png": (Image.new("L", (30, 20), 77), (77, 77, 77)),
        "grey16.png": (grey16, (200, 200, 200)),
        "two.png": (Image.new("1", (30, 20), 1), (255, 255, 255)),
        "cmyk.tif": (Image.new("CMYK", (30, 20), (0, 255, 255, 0)), (0, 0, 255)),
    }
    for name, (image, corner) in images.items():
        image.save(tmp_path / name)
        read = read_image(tmp_path / name)
        assert (read.shape, read.dtype) == ((20, 30, 3), np.uint8), name
        assert np.abs(read[0, 0].astype(int) - corner).max() <= 2, name


def read_plainly(path: Path) -> np.ndarray:
    """What `read_image` returns, without its shortcuts."""
    with path.open("rb") as file, Image.open(file) as image:  # a path would be mapped into memory: CMYK is not turned
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
        elif image.mode == "F":
            image = Image.fromarray(np.asarray(image).clip(0, 255).astype(np.uint8))
        return np.asarray(image.convert("RGB"))[:, :, ::-1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_mode_and_orientation_reads_equal_to_the_plain_computation(orientation: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    colour, grey = Image.fromarray(noise), Image.fromarray(noise[:, :, 0])
    palette = colour.convert("P", palette=Image.Palette.ADAPTIVE)
    images = {
        "rgb.jpg": colour,
        "grey.jpg": grey,
        "cmyk.jpg": colour.convert("CMYK"),
        "rgb.png": colour,
        "rgba.png": Image.fromarray(np.dstack([noise, noise[:, :, 0]])),
        "palette.png": palette,
        "two.png": grey.convert("1"),
        "grey.png": grey,
        "grey-alpha.png": Image.merge("LA", (grey, grey)),
        "grey16.png": Image.fromarray(noise[:, :, 0].astype(np.uint16) * 257),
        "rgb.tif": colour,
        "cmyk.tif": colour.convert("CMYK"),
        "float.tif": Image.fromarray(noise[:, :, 0].astype(np.float32) * 1.2 - 20),
        "int.tif": Image.fromarray(noise[:, :, 0].astype(np.int32) * 300 - 100),
        "rgb.webp": colour,
        "rgb.bmp": colour,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, image in images.items():
        image.save(tmp_path / name, exif=exif)
        read = read_image(tmp_path / name)
        assert read.shape[1::-1] == image_size(tmp_path / name), name
        assert read.flags.c_contiguous, name
        assert read.flags.writeable, name
        np.testing.assert_array_equal(read, read_plainly(tmp_path / name), err_msg=name)
    palette.save(tmp_path / "transparent.png", exif=exif, transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "transparent.png"), read_plainly(tmp_path / "transparent.png"))


def test_a_written_png_reads_back_equal(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    for written in (image, image[:, ::-1]):  # the second is not contiguous
        write_png(written, tmp_path / "image.png")
        np.testing.assert_array_equal(read_image(tmp_path / "image.png"), written)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 20))
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was rotated: the first row of pixels is the right side of the image
    image.save(tmp_path / "rotated.png", exif=exif)
    assert image_size(tmp_path / "rotated.png") == (20, 30)
    image_read = read_image(tmp_path / "rotated.png")
    assert image_read.shape == (30, 20, 3)
    assert image_read[0, 19].tolist() == [255, 255, 255]
    image.save(tmp_path / "rotated.tif", exif=exif)
    assert image_size(tmp_path / "rotated.tif") == (20, 30)
    np.testing.assert_array_equal(read_image(tmp_path / "rotated.tif"), image_read)


def exif_with(orientation: Any) -> bytes:
    if isinstance(orientation, str):  # which Pillow does not write
        entry = struct.pack("<HHI4s", 0x0112, 2, len(orientation) + 1, orientation.encode())
        return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def with_late_exif(path: Path) -> None:
    """Move the eXIf chunk of a PNG behind the pixels."""
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    path.write_bytes(content[:start] + content[end:-12] + content[start:end] + content[-12:])


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", ["xmp", "profile", "late", 0, 9, "6", 6, 8, 2])
def test_header_and_pixels_have_one_orientation(suffix: str, orientation: Any, tmp_path: Path) -> None:
    path, more = tmp_path / f"image.{suffix}", {}
    if orientation == "xmp":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP)
        more = {"pnginfo": text} if suffix == "png" else {"xmp": XMP.encode()}
        if suffix == "tif":
            more = {"tiffinfo": {700: XMP.encode()}}
    elif orientation == "profile":
        text = PngInfo()
        text.add_text("Raw profile type exif", f"\nexif\n{len(exif_with(6)):8}\n{exif_with(6).hex()}\n")
        more = {"pnginfo": text}
    elif (suffix, orientation) == ("tif", "6"):
        directory = ImageFileDirectory_v2()
        directory.tagtype[0x0112] = 2
        directory[0x0112] = "6"
        more = {"tiffinfo": directory}
    else:
        more = {"exif": exif_with(6 if orientation == "late" else orientation)}
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(path, **more)
    if orientation == "late" and suffix == "png":
        with_late_exif(path)
    width, height = image_size(path)
    assert read_image(path).shape == (height, width, 3)
    turned = orientation in (6, 8) or (orientation == "late" and suffix != "png")
    assert (width, height) == ((20, 30) if turned else (30, 20))


def test_grey_levels_as_fractions_are_scaled_and_nan_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5), 0.5, np.float32)).save(tmp_path / "fractions.tif")
    assert read_image(tmp_path / "fractions.tif")[0, 0].tolist() == [127] * 3
    Image.fromarray(np.full((4, 5), np.nan, np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(UserError, match=r"nan\.tif: cannot be read as an image \(it has values that are not numbers"):
        read_image(tmp_path / "nan.tif")


def test_only_the_listed_decoders_read_a_file(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 20\nshowpage\n")
    with pytest.raises(UserError, match=r"page\.png: cannot be read as an image \(not an image file\)"):
        read_image(tmp_path / "page.png")
    installed = {suffix for suffix, name in Image.registered_extensions().items() if name in (*DECODERS, "MPO")}
    assert installed >= SUFFIXES


def test_a_truncated_image_is_refused(tmp_path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.jpg: cannot be read as an image"):
        read_image(tmp_path / "half.jpg")


def test_boxes_are_mapped_from_the_input_to_the_image() -> None:
    assert to_input(np.zeros((50, 200, 3), np.uint8), (64, 64)).shape == (64, 64, 3)
    assert to_photo(np.array([[0, 32, 64, 64]], np.float32), (64, 64), 200, 50).tolist() == [[0, 25, 200, 50]]


def test_a_large_image_is_read_without_a_warning_and_a_huge_one_is_refused(tmp_path: Path) -> None:
    for side in (10_000, 14_000):
        Image.new("1", (side, side)).save(tmp_path / f"{side}.png")
    code = f"from facedet.data.image import *; print(image_size(Path({str(tmp_path / '10000.png')!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("(10000, 10000)", "")
    with pytest.raises(
        UserError, match=r"14000\.png: cannot be read as an image \(Image size \(196000000 pixels\) exceeds"
    ):
        image_size(tmp_path / "14000.png")
