"""Read and write image files, and map boxes back to the original image."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from facedet.common.errors import UserError
from facedet.data.image import image_size, read_image, to_input, to_photo, write_png


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
    with Image.open(path) as image:
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


def test_a_truncated_image_is_refused(tmp_path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.jpg: cannot be read as an image"):
        read_image(tmp_path / "half.jpg")


def test_boxes_are_mapped_from_the_input_to_the_image() -> None:
    assert to_input(np.zeros((50, 200, 3), np.uint8), 64).shape == (64, 64, 3)
    assert to_photo(np.array([[0, 32, 64, 64]], np.float32), 64, 200, 50).tolist() == [[0, 25, 200, 50]]
