"""The files of a dataset in folders and behind links: found, named once."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest
from helpers.archives import image, names, zip_of

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.formats.locate import locate
from facedet.data.image import find_images, read_image
from facedet.data.storage import files_in, folders_in


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


def test_a_folder_finds_names_in_both_forms(tmp_path: Path) -> None:
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        plain = image(tmp_path / form / unicodedata.normalize(form, "Zoë.png"))
        assert locate(unicodedata.normalize(other, "Zoë.png"), [plain.parent]) == plain
