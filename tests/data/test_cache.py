"""Images decoded once."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facedet.common.errors import UserError
from facedet.data.cache import ImageCache
from facedet.data.image import read_image, write_png


def draw(path: Path, width: int, height: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3), np.uint8)
    image = cv2.resize(noise, (width, height))
    write_png(image, path)
    return image


def test_the_cache_returns_the_same_pixels_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "photo.png", 1200, 900)
    first = ImageCache(tmp_path / "cache").read(tmp_path / "photo.png")
    np.testing.assert_array_equal(first, read_image(tmp_path / "photo.png"))
    monkeypatch.setattr("facedet.data.cache.read_image", lambda path: pytest.fail("decoded again"))
    np.testing.assert_array_equal(ImageCache(tmp_path / "cache").read(tmp_path / "photo.png"), first)


def test_a_changed_image_is_decoded_again(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    draw(path, 300, 200)
    cache = ImageCache(tmp_path / "cache")
    cache.read(path)
    draw(path, 300, 200, seed=1)
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(cache.read(path), read_image(path))


def test_a_damaged_file_is_written_anew_and_a_full_disk_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    cache = ImageCache(tmp_path / "cache")
    with pytest.raises(UserError, match=r"missing\.png"):
        cache.read(tmp_path / "missing.png")
    image = draw(tmp_path / "photo.png", 300, 200)
    cache.read(tmp_path / "photo.png")
    (file,) = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    never_written = whole[:4096] + bytes(4096) + whole[8192:]  # as a power failure can leave it
    for damaged in (b"", b"\x93NUMPY", whole[: len(whole) // 2], whole[:-1], never_written):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(cache.read(tmp_path / "photo.png"), image)
        assert file.read_bytes() == whole

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    file.unlink()
    monkeypatch.setattr(np, "save", full)
    for _ in range(2):
        np.testing.assert_array_equal(cache.read(tmp_path / "photo.png"), image)
    assert capsys.readouterr().err.count("No space left on device); images are decoded each time") == 1


def test_an_entry_is_not_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "photo.png", 300, 200)
    monkeypatch.setattr(os, "fsync", lambda descriptor: pytest.fail("flushed"))
    ImageCache(tmp_path / "cache").read(tmp_path / "photo.png")
    assert list((tmp_path / "cache").glob("*.npy"))


def test_a_full_cache_takes_no_more_and_removes_nothing(tmp_path: Path) -> None:
    folder, each = tmp_path / "cache", 300 * 200 * 3
    folder.mkdir()
    (folder / "notes.txt").write_bytes(bytes(10 * each))  # the user's own: neither counted nor removed
    images = [draw(tmp_path / f"{k}.png", 300, 200, k) for k in range(12)]
    workers = [ImageCache(folder, limit=4.5 * each) for _ in range(3)]
    for _ in range(2):
        for k, image in enumerate(images):
            np.testing.assert_array_equal(workers[k % 3].read(tmp_path / f"{k}.png"), image)
    assert len(list(folder.glob("*.npy"))) == 4
    assert (folder / "notes.txt").exists()


def test_the_limit_is_half_of_what_is_free_or_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000) if path.exists() else None)
    assert ImageCache(tmp_path / "new" / "cache").limit == 500
    (tmp_path / "entry.npy").write_bytes(bytes(500))
    assert ImageCache(tmp_path).limit == 750
