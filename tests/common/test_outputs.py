"""What a verb would write is refused where it would harm an input, another output or a file of the user's."""

import os
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.common.files import write_text
from facedet.common.manifest import MANIFEST
from facedet.common.outputs import Input, Output, writing


def write(path: Path, text: str, verb: str = "export", *, overwrite: bool = False) -> None:
    with writing(verb, [Output(path)], overwrite=overwrite):
        write_text(path, text)


@pytest.fixture
def read(tmp_path: Path) -> list[Input]:
    """A dataset, a folder of images, a list and an IR."""
    for folder in ("dataset/deep", "images"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("images/1.png", "list.txt", "m.xml", "m.bin"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("list.txt")
    (tmp_path / "linked").symlink_to("dataset")
    os.link(tmp_path / "list.txt", tmp_path / "hard")
    names = ("images", "list.txt", "m.xml", "gone.txt")
    return [Input(tmp_path / "dataset", whole=True), *(Input(tmp_path / name) for name in names)]


@pytest.mark.parametrize(
    "name",
    [
        *("list.txt", "dataset/../list.txt", "link", "hard", "m.xml", "m.bin", "gone.txt"),
        *("dataset/out.json", "dataset/deep/out.json", "linked/out.json", "linked/deep/more/out.json"),
    ],
)
def test_an_input_is_never_replaced(name: str, read: list[Input], tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"would change .*, which is only read; choose a path outside it"),
        writing("v", [Output(tmp_path / name)], read, overwrite=True),
    ):
        raise AssertionError


def test_a_folder_of_images_is_left_as_it_is(read: list[Input], tmp_path: Path) -> None:
    with writing("v", [Output(tmp_path / "images", ["new.png"]), Output(tmp_path / "dataset-2", ["x"])], read):
        pass
    with (
        pytest.raises(UserError, match=r"1\.png: is in .*images, which is only read"),
        writing("v", [Output(tmp_path / "images", ["1.png"])], read, overwrite=True),
    ):
        raise AssertionError


def test_two_outputs_never_meet(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "same").symlink_to("d")
    report = Output(tmp_path / "d", ["check.json"])
    for other in ("d/check.json", "same/check.json", "d/check.json/deeper", "d/../d/check.json"):
        with (
            pytest.raises(UserError, match="two outputs of this command would be there"),
            writing("v", [report, Output(tmp_path / other)]),
        ):
            raise AssertionError
    alone = Output(tmp_path / "same", (), alone=True)
    with (
        pytest.raises(UserError, match="two outputs of this command would be there"),
        writing("v", [alone, Output(tmp_path / "d" / "x")]),
    ):
        raise AssertionError
    with writing("v", [report, Output(tmp_path / "d" / "other.json")]):
        pass


def test_what_cannot_be_written_is_refused_and_nothing_is_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "nowhere").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")
    for output, message in (
        (Output(tmp_path / "file" / "x" / "out.json"), "file is not a folder"),
        (Output(tmp_path / "file", ["x"]), "file is not a folder"),
        (Output(tmp_path / "nowhere", ["x"]), "nowhere is not a folder"),
        (Output(tmp_path / "nowhere" / "new", ()), "nowhere is not a folder"),
        (Output(tmp_path / "folder"), "is a folder"),
        (Output(tmp_path / "pipe"), "is no file that can be replaced"),
        (Output(tmp_path / ("n" * 300)), "File name too long"),
        (Output(tmp_path / MANIFEST), "choose another name"),
        (Output(tmp_path / "folder", (), alone=True), "is not an empty folder; choose another one"),
        (Output(tmp_path / "file", (), alone=True), "is not a folder"),
    ):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UserError, match=message), writing("v", [output], overwrite=True):
            raise AssertionError
        assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_in_which_nobody_may_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # root may write everywhere
    with pytest.raises(UserError, match="is read-only"), writing("v", [Output(tmp_path / "new" / "out.json")]):
        raise AssertionError


def test_only_an_own_and_unchanged_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    write(file, "first")
    write(file, "second")
    for text in ("mine", "first, changed"):
        file.write_text(text)
        with pytest.raises(UserError, match=r"out\.json: exists, and `facedet export` did not write it, or it was cha"):
            write(file, "third")
        assert file.read_text() == text
    write(file, "third", overwrite=True)
    write(file, "fourth")
    with pytest.raises(UserError, match="`facedet quantize` did not write it"):
        write(file, "fifth", verb="quantize")
    assert file.read_text() == "fourth"


def test_an_own_file_under_another_name_is_the_users(tmp_path: Path) -> None:
    write(tmp_path / "out.json", "same")
    (tmp_path / "out.json").rename(tmp_path / "kept.json")
    with pytest.raises(UserError, match="exists"):
        write(tmp_path / "kept.json", "new")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kept.json").rename(tmp_path / "elsewhere" / "out.json")
    with pytest.raises(UserError, match="exists"):
        write(tmp_path / "elsewhere" / "out.json", "new")


def test_a_folder_of_outputs_can_be_moved_and_the_same_verb_replaces_them(tmp_path: Path) -> None:
    write(tmp_path / "a" / "out.json", "first")
    (tmp_path / "a").rename(tmp_path / "b")
    write(tmp_path / "b" / "out.json", "second")
    assert (tmp_path / "b" / "out.json").read_text() == "second"


def test_a_link_is_the_users_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    write(tmp_path / "out.json", "same")
    (tmp_path / "out.json").rename(tmp_path / "real.json")
    (tmp_path / "out.json").symlink_to("real.json")
    with pytest.raises(UserError, match="exists"):
        write(tmp_path / "out.json", "new")
    write(tmp_path / "out.json", "new", overwrite=True)
    assert (tmp_path / "real.json").read_text() == "same"
    (tmp_path / "next.json").symlink_to("gone.json")
    with pytest.raises(UserError, match="exists"):
        write(tmp_path / "next.json", "new")


def test_outputs_of_an_outer_block_stay_with_it(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.write_text("mine")
    with writing("outer", [Output(file)], overwrite=True):
        write(file, "new", verb="inner")
    write(file, "again", verb="outer")
    with pytest.raises(UserError, match="`facedet inner` did not write it"):
        write(file, "again", verb="inner")
