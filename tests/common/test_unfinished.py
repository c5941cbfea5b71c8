"""What killed processes left is removed, and nothing that somebody is writing."""

import errno
import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from facedet.common import unfinished
from facedet.common.files import check_writable, write_beside, write_folder, write_json, write_text
from facedet.common.unfinished import is_unfinished, remove_leftovers

_WRITES = (
    "import sys; from pathlib import Path; from facedet.common.files import write_beside, write_folder\n"
    "with write_beside(Path(sys.argv[1]) / 'out.txt') as file, write_folder(Path(sys.argv[1]) / 'folder') as folder:\n"
    "    (folder / 'image.png').touch(); print('writes', flush=True); sys.stdin.read()"
)


@pytest.fixture
def writer(tmp_path: Path) -> subprocess.Popen:
    """A process that is writing a file and a folder into `tmp_path`."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", _WRITES, tmp_path], text=True, **pipes)
    assert process.stdout
    assert process.stdout.readline() == "writes\n"
    return process


def test_leftovers_are_removed_when_their_process_is_dead_and_not_before(
    tmp_path: Path, writer: subprocess.Popen
) -> None:
    begun = set(tmp_path.iterdir())
    assert len(begun) == 2
    assert all(is_unfinished(path.name) for path in begun)
    remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == begun
    writer.kill()
    writer.wait()
    assert set(tmp_path.iterdir()) == begun
    remove_leftovers(tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_writer_removes_them(tmp_path: Path) -> None:
    leftover = f"{unfinished.new_name()}.png"

    def swept(name: str) -> bool:
        return not (tmp_path / name / leftover).exists()

    for name in ("checked", "file", "folder"):
        (tmp_path / name).mkdir()
        (tmp_path / name / leftover).touch()
    check_writable(tmp_path / "checked")
    write_json({}, tmp_path / "file" / "out.json")
    with write_folder(tmp_path / "folder" / "new"):
        pass
    assert swept("checked")
    assert swept("file")
    assert swept("folder")


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    others = [".facedet-mine.txt", f"x{unfinished.new_name()}", f".{os.getpid()}.txt", ".lock", "1.png", "mine"]
    for name in others:
        (tmp_path / name).touch()
    link = tmp_path / unfinished.new_name()
    link.symlink_to(tmp_path / "mine")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*others, link.name}
    remove_leftovers(tmp_path / "missing")


def test_two_threads_write_the_same_file_and_never_meet(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(50):
            with write_beside(tmp_path / "out.txt", durable=False) as temporary:
                temporary.write_text(str(number) * 1000)
                remove_leftovers(tmp_path)
                assert temporary.read_text() == str(number) * 1000

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = fcntl.flock, []

    def lock_late(descriptor: int, operation: int) -> None:
        if not operation & fcntl.LOCK_NB and not swept:
            swept.append(descriptor)
            remove_leftovers(tmp_path)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    write_text(tmp_path / "out.txt", "whole")
    assert swept
    assert (tmp_path / "out.txt").read_text() == "whole"


def test_without_locks_files_are_written_and_leftovers_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    leftover = tmp_path / unfinished.new_name()
    leftover.touch()
    write_text(tmp_path / "out.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {"out.txt", leftover.name}
