"""A zip is read in place: as a folder, by every process, and refused if it is unsafe."""

import unicodedata
import zipfile
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from helpers.archives import LABEL, PIXELS, image, names, zip_of
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.archive import MOST_BYTES, archive_of
from facedet.data.cache import ImageCache
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.locate import locate
from facedet.data.image import find_images, image_size, read_image
from facedet.data.storage import files_in, is_dir, is_file, opened


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_an_image_in_a_zip_is_read_as_one_in_a_folder(method: int, tmp_path: Path) -> None:
    plain = image(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "set.ZIP", "w", method) as archive:
        archive.write(plain, "deep/in/a.png")
    inside = tmp_path / "set.ZIP/deep/in/a.png"
    assert (is_file(inside), is_dir(inside.parent), is_file(tmp_path / "set.ZIP")) == (True, True, False)
    assert image_size(inside) == (12, 8)
    np.testing.assert_array_equal(read_image(inside), read_image(plain))
    assert find_images(tmp_path / "set.ZIP") == [inside]
    assert is_file(tmp_path / "set.ZIP/deep/in/b.png") is False
    with pytest.raises(UserError, match=r"b.png: cannot be read as an image .no such file"):
        read_image(tmp_path / "set.ZIP/deep/in/b.png")


def test_names_of_windows_are_those_of_folders(tmp_path: Path) -> None:
    assert names(zip_of(tmp_path / "set.zip", **{"images\\a.png": ""})) == ["images/a.png"]


@pytest.mark.parametrize("name", ["../a.png", "images/../../a.png", "C:\\..\\a.png"])
def test_a_name_that_leads_out_of_a_zip_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"set.zip: holds .*its name leads out of the zip"):
        files_in(zip_of(tmp_path / "set.zip", **{name: ""}))


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two files have this name"):
        files_in(zip_of(tmp_path / "set.zip", **{"images/a.png": "", "images\\a.png": ""}))


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{"a.png": "x"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="it is encrypted"):
        files_in(path)


def test_a_file_that_grows_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{"a.json": "{}"})
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (MOST_BYTES + 1).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(UserError, match="it is larger than 1 GiB"):
        files_in(path)


def test_damage_in_a_zip_is_one_line(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{"a.json": '{"images": [], "annotations": []}' * 9})
    content = bytearray(path.read_bytes())
    content[40] ^= 255
    path.write_bytes(content)
    with opened(path / "a.json") as file, pytest.raises(OSError, match="damaged in its zip"):
        file.read()
    with pytest.raises(UserError, match=r"a.json: not a COCO JSON .damaged in its zip"):
        read_dataset(DatasetSource(path / "a.json", format="coco"))
    (tmp_path / "no.zip").write_text("no zip")
    with pytest.raises(UserError, match=r"no.zip: not a zip that can be read"):
        read_dataset(DatasetSource(tmp_path / "no.zip"))


def _pixels(path: Path) -> int:
    return int(read_image(path).astype(int).sum())


def test_processes_that_are_forked_read_the_same_zip(tmp_path: Path) -> None:
    plain = image(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for k in range(20):
            archive.write(plain, f"{k}.png")
    paths = find_images(tmp_path / "set.zip")
    wanted = [_pixels(path) for path in paths]
    with get_context("fork").Pool(3) as pool:
        assert pool.map(_pixels, paths * 5, chunksize=1) == wanted * 5


def test_a_zip_that_changes_is_read_again(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{"a.txt": "old"})
    assert names(path) == ["a.txt"]
    zip_of(path, **{"b.txt": "a newer one"})
    assert names(path) == ["b.txt"]


def test_a_cache_tells_the_images_of_a_zip_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(image(tmp_path / "a.png"), "a.png")
        Image.fromarray(255 - PIXELS).save(tmp_path / "b.png")
        archive.write(tmp_path / "b.png", "b.png")
    cache = ImageCache(tmp_path / "cache")
    for _ in range(2):
        for name in ("a.png", "b.png"):
            np.testing.assert_array_equal(cache.read(tmp_path / "set.zip" / name), read_image(tmp_path / name))


def test_paths_in_a_zip_may_lead_upwards_in_it(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    image(tmp_path / "a.png")
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "a.png", "images/train/a.png")
        archive.writestr("labels/train/a.txt", LABEL)
        archive.writestr("ds/data.yaml", "train: ../images/train\nval: ../images/train\nnames: [face]\n")
    (photo,) = read_dataset(DatasetSource(path / "ds/data.yaml", split="train")).photos
    assert len(photo.boxes) == 1
    assert not is_file(path / "../a.png/../../a.png")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("flagged", [True, False])
def test_names_of_a_zip_are_those_that_annotations_write(form: str, flagged: bool, tmp_path: Path) -> None:
    name = unicodedata.normalize(form, "Zoë.png")
    path = zip_of(tmp_path / "set.zip", **{name: image(tmp_path / "a.png").read_bytes()})
    if not flagged:  # as some tools write UTF-8
        content = bytearray(path.read_bytes())
        for mark, at in ((b"PK\x01\x02", 9), (b"PK\x03\x04", 7)):
            content[content.index(mark) + at] &= ~8
        path.write_bytes(content)
    for written in ("NFC", "NFD"):
        found = locate(unicodedata.normalize(written, "Zoë.png"), [path])
        assert image_size(found) == (12, 8)


def test_a_list_may_be_in_a_zip(tmp_path: Path) -> None:
    path = zip_of(
        tmp_path / "set.zip",
        **{f"images/{k}.png": image(tmp_path / f"{k}.png").read_bytes() for k in "ab"},
        **{"labels/a.txt": LABEL, "val.txt": "b\n"},
    )
    assert [p.path.stem for p in read_dataset(DatasetSource(path, names=path / "val.txt")).photos] == ["b"]


def test_listing_a_zip_looks_at_each_name_once(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{f"{k}/{n}.png": "" for k in range(30) for n in range(10)})
    archive, _ = archive_of(path) or pytest.fail("no zip")
    looked_at: list[str] = []

    class Watched(dict):
        def __contains__(self, name: object) -> bool:
            looked_at.append(str(name))
            return super().__contains__(name)

    archive.files = Watched(archive.files)
    assert len(files_in(path / "7")) == 10
    assert len(looked_at) <= 11
