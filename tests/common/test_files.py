"""Outputs are complete or absent."""

import os
import subprocess
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.common.files import check_writable, remove_leftovers, sha256, write_beside, write_json


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


def test_leftovers_of_killed_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in ("last.pth", "scalars.csv"):
        (tmp_path / f".facedet-{ended.pid}.{name}").touch()
    others = [f".facedet-{os.getpid()}.detector.onnx", ".lock", f".{ended.pid}.txt", ".facedet-mine.txt", "1.png"]
    for name in others:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_what_is_being_written_has_the_name_of_a_leftover(tmp_path: Path) -> None:
    with write_beside(tmp_path / "last.pth") as temporary:
        assert temporary.name == f".facedet-{os.getpid()}.last.pth"
        temporary.touch()


def test_a_path_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"out\.json: cannot be written \("):
        write_json({}, tmp_path / "file" / "out.json")
    with pytest.raises(UserError, match=r"file: cannot be written to \("):
        check_writable(tmp_path / "file")


def test_digests_are_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
