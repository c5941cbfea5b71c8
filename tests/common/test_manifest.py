"""The note of a file is there before its name, survives a kill, and never harms another file."""

import json
import os
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.common.files import write_text
from facedet.common.manifest import MANIFEST, claimed, others


def test_a_write_that_is_killed_leaves_no_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    def write(text: str) -> None:
        with claimed("v", [file]):
            write_text(file, text)

    file = tmp_path / "out.txt"
    write("first")
    for moment in ((os, "fsync"), (Path, "replace")):
        with monkeypatch.context() as patched:
            patched.setattr(*moment, kill)
            with pytest.raises(Killed):
                write("second")
        assert list(others("v", [file])) == []  # the first one, as it was
    file.write_text("second")  # as if it had been killed just after
    assert list(others("v", [file])) == []


def test_the_same_content_is_noted_once_and_what_is_not_claimed_never(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for text in ("one", "one", "two", "one"):
        with claimed("v", files[:1]):
            for file in files:
                write_text(file, text)
    lines = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [(line["file"], line["verb"]) for line in lines] == [("a.txt", "v")] * 2
    assert list(others("v", files)) == files[1:]


def test_a_manifest_that_is_damaged_makes_files_the_users(tmp_path: Path) -> None:
    file = tmp_path / "out.txt"
    with claimed("v", [file]):
        write_text(file, "text")
    (tmp_path / MANIFEST).write_bytes((tmp_path / MANIFEST).read_bytes()[:-10] + b"\xff\n")
    assert list(others("v", [file])) == [file]


def test_nothing_is_written_through_a_planted_link(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MANIFEST).symlink_to(tmp_path / "notes")
    with pytest.raises(UserError, match="is not a file; remove it"), claimed("v", [tmp_path / "out" / "x.txt"]):
        raise AssertionError
    assert (tmp_path / "notes").read_text() == "mine"
