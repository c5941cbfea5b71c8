"""The files of a dataset in folders, behind links and in zips: found, named once, and refused if they are unsafe."""

import os
import shutil
import unicodedata
import zipfile
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.archive import MOST_BYTES, archive_of
from facedet.data.cache import ImageCache
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.locate import locate
from facedet.data.formats.recognise import has_train_and_val
from facedet.data.image import find_images, image_size, read_image
from facedet.data.storage import files_in, folders_in, is_dir, is_file, opened

LABEL = b"0 0.5 0.5 0.5 0.5\n"
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(np.uint8)


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path)
    return path


def zip_of(path: Path, **files: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def names(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_in(folder, **options)]


def test_links_to_folders_are_followed_once_and_loops_are_not(tmp_path: Path) -> None:
    image(tmp_path / "elsewhere/b.png")
    root = tmp_path / "root"
    image(root / "real/a.png")
    (root / "a link to what is there").symlink_to(root / "real")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "real/loop").symlink_to(root)
    (root / "itself").symlink_to("itself")
    assert names(root) == ["itself", "linked/b.png", "real/a.png"]
    assert names(root, nested=False) == ["itself"]


@pytest.mark.parametrize("inside", ["@eaDir/a.png", ".git", ".ipynb_checkpoints", ".Trash-1000/files", "lost+found"])
def test_folders_of_systems_and_hidden_ones_are_not_listed(inside: str, tmp_path: Path) -> None:
    root = tmp_path / ".hidden/set"
    image(root / "images/a.png")
    image(root / "images" / inside / "b.png")
    packed = shutil.make_archive(str(tmp_path / "set"), "zip", root)
    assert names(root) == names(Path(packed)) == ["images/a.png"]
    assert folders_in(root / "images") == folders_in(Path(packed) / "images") == []


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    listed = os.scandir

    def scandir(path: Path) -> object:  # the superuser may read every folder
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match="closed: cannot be read"):
        files_in(tmp_path)


def test_what_systems_add_is_not_listed(tmp_path: Path) -> None:
    for name in ("a.png", "._a.png", "__MACOSX/._a.png"):
        image(tmp_path / "set" / name)
    (tmp_path / "set/.DS_Store").touch()
    assert names(tmp_path / "set") == ["a.png"]
    path = zip_of(tmp_path / "set.zip", **{"a.png": "", "__MACOSX/._a.png": "", ".DS_Store": ""})
    assert names(path) == ["a.png"]


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


def test_a_pipe_is_no_image_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a.png: cannot be read as an image .not a file"):
        read_image(tmp_path / "a.png")


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    for name in ("b.heic", "c.mp4", "d.txt", "e.txt"):
        (tmp_path / name).touch()
    told: list[str] = []
    assert find_images(tmp_path, told.append) == [tmp_path / "a.png"]
    assert told == [f"{tmp_path}: b.heic, c.mp4, d.txt and 1 more: no image files"]


def test_a_photograph_that_cannot_be_read_is_lost_and_not_passed_over(tmp_path: Path) -> None:
    image(tmp_path / "images/a.png")
    (tmp_path / "images/b.heic").touch()
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    dataset = read_dataset(DatasetSource(tmp_path))
    assert [photo.path.name for photo in dataset.photos] == ["a.png"]
    assert [str(loss) for loss in dataset.losses] == [
        f"{tmp_path / 'images/b.heic'}: cannot be read as an image (not an image file)"
    ]


def test_splits_in_folders_are_chosen_by_name(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        image(tmp_path / split / "images" / f"{split}.png")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / f"{split}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    assert has_train_and_val(tmp_path)
    assert not has_train_and_val(tmp_path / "train")
    for split, stem in (("train", "train"), ("val", "valid")):
        assert [p.path.stem for p in read_dataset(DatasetSource.of(tmp_path, split)).photos] == [stem]
    assert len(read_dataset(DatasetSource(tmp_path)).photos) == 2
    with pytest.raises(UserError, match="has no 'test'; add it"):
        read_dataset(DatasetSource(tmp_path, split="test"))
    shutil.make_archive(str(tmp_path.parent / "whole"), "zip", tmp_path.parent, tmp_path.name)
    zipped = tmp_path.parent / "whole.zip"  # with one folder at its top
    assert has_train_and_val(zipped)
    assert [p.path.stem for p in read_dataset(DatasetSource.of(zipped, "val")).photos] == ["valid"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"valid/photo.png": b""}, "valid: has no annotations of a known format, unlike the other splits"),
        ({"valid/labels.csv": b"ImageID,XMin"}, "labels.csv: is a CSV of Open Images, which is not read"),
        ({"validation/labels/a.txt": LABEL, "valid/labels/a.txt": LABEL}, "contains several datasets for 'val'"),
        ({"extra/labels/a.txt": LABEL}, "contains train and the dataset extra; give one of the folders"),
    ],
)
def test_no_folder_beside_a_split_is_passed_over(more: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    for name, content in {"train/labels/a.txt": LABEL, **more}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
        if name.endswith(".txt"):
            image(tmp_path / name.replace("labels", "images").replace(".txt", ".png"))
    with pytest.raises(UserError, match=reason):
        read_dataset(DatasetSource(tmp_path))


def test_a_split_for_tests_needs_no_annotations(tmp_path: Path) -> None:
    image(tmp_path / "train/images/a.png")
    image(tmp_path / "test/b.png")
    (tmp_path / "train/labels").mkdir()
    (tmp_path / "train/labels/a.txt").write_bytes(LABEL)
    assert [photo.path.name for photo in read_dataset(DatasetSource(tmp_path)).photos] == ["a.png"]


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


def test_a_folder_finds_names_in_both_forms(tmp_path: Path) -> None:
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        plain = image(tmp_path / form / unicodedata.normalize(form, "Zoë.png"))
        assert locate(unicodedata.normalize(other, "Zoë.png"), [plain.parent]) == plain


def test_the_same_annotation_of_an_image_in_two_splits_counts_once(tmp_path: Path) -> None:
    image(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_bytes(LABEL)
    (tmp_path / "data.yaml").write_text("train: images\nval: ./images/../images\n")
    dataset = read_dataset(DatasetSource(tmp_path))
    assert ([len(photo.boxes) for photo in dataset.photos], dataset.losses) == ([1], [])


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
