"""Outputs are complete or absent."""

import os
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.common.files import (
    check_writable,
    sha256,
    write_beside,
    write_folder,
    write_json,
    write_texts,
    write_together,
)


def test_a_file_is_replaced_only_if_it_was_written_completely(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.txt"
    with write_beside(target) as temporary:
        temporary.write_text("earlier")

    def interrupted() -> None:
        with write_beside(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert target.read_text() == "earlier"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_is_on_the_disk_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (events.append(os.fstat(number).st_ino), fsync(number)))
    monkeypatch.setattr(Path, "replace", lambda path, to: (events.append("renamed"), replace(path, to)))
    write_json({}, tmp_path / "out.json")
    assert events == [(tmp_path / "out.json").stat().st_ino, "renamed", tmp_path.stat().st_ino]
    with write_beside(tmp_path / "cached.npy", durable=False) as temporary:
        temporary.touch()
    assert events[3:] == ["renamed"]


def test_files_that_belong_together_outlast_a_power_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = list[object]()
    fsync, replace, unlink = os.fsync, Path.replace, Path.unlink
    monkeypatch.setattr(os, "fsync", lambda number: (events.append(os.fstat(number).st_ino), fsync(number)))
    monkeypatch.setattr(Path, "replace", lambda path, to: (events.append(to.name), replace(path, to)))
    monkeypatch.setattr(Path, "unlink", lambda path, **more: (events.append(f"no {path.name}"), unlink(path, **more)))
    with write_together(tmp_path / "a.xml", tmp_path / "a.bin"):
        pass
    first, second, folder = ((tmp_path / name).stat().st_ino for name in ("a.xml", "a.bin", "."))
    assert events[:8] == [first, second, "no a.xml", folder, "a.bin", folder, "a.xml", folder]


def test_texts_that_belong_together_keep_the_bytes_of_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    write_texts({tmp_path / "a.html": os.fsdecode(b"\xff.jpg"), tmp_path / "a.json": "{}"})
    assert [(tmp_path / name).read_bytes() for name in ("a.html", "a.json")] == [b"\xff.jpg", b"{}"]


def test_a_path_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"out\.json: cannot be written \("):
        write_json({}, tmp_path / "file" / "out.json")
    with pytest.raises(UserError, match=r"file: cannot be written to \("):
        check_writable(tmp_path / "file")


def test_files_keep_the_access_rights_of_their_user(tmp_path: Path) -> None:
    (tmp_path / "opened").open("w").close()
    (tmp_path / "made").mkdir()
    write_json({}, tmp_path / "written")
    with write_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "opened").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "made").stat().st_mode


def test_names_may_have_all_the_length_of_the_file_system(tmp_path: Path) -> None:
    write_json({}, tmp_path / f"{'n' * 250}.json")


def test_files_that_belong_together_are_all_written_or_none(tmp_path: Path) -> None:
    files = tmp_path / "a.xml", tmp_path / "a.bin"
    with write_together(*files) as (first, second):
        assert first.with_suffix(".bin") == second
        first.write_text("1")
        second.write_text("1")

    def interrupted() -> None:
        with write_together(*files) as (first, _):
            first.write_text("2")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert [path.read_text() for path in files] == ["1", "1"]
    assert sorted(tmp_path.iterdir()) == sorted(files)


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_when_it_is_complete(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "deep" / "folder"
    if exists:
        folder.mkdir(parents=True)
    with write_folder(folder) as new:
        write_json({}, new / "images" / "1.json")
        write_json({}, new / "2.json")
        assert not [path for path in folder.rglob("*.json") if not path.is_relative_to(new)]
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*")} == {"images", "images/1.json", "2.json"}
    assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_that_cannot_be_completed_leaves_nothing_and_errors_name_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    def write() -> None:
        with write_folder(tmp_path / "folder") as new:
            write_json({}, new / "1.json")
            write_json({}, new / "1.json" / "2.json")

    with pytest.raises(UserError, match=rf"^{tmp_path}/folder/1.json/2.json: cannot be written"):
        write()
    with pytest.raises(UserError, match=r"file: cannot be written \("), write_folder(tmp_path / "file"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_digests_are_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
