"""One process at a time writes to a folder, or to a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.planted import PLANTED

from facedet.common.errors import UserError
from facedet.common.lock import locked_file, only_writer

_OWN = (
    "import sys; from pathlib import Path; from facedet.common.lock import only_writer\n"
    "with only_writer(Path(sys.argv[1])): print('owns', flush=True); sys.stdin.read()"
)


def test_the_second_process_is_refused_until_the_first_one_dies(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", _OWN, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout
    assert first.stdout.readline() == "owns\n"
    with pytest.raises(UserError, match=rf"process {first.pid} is writing to it"), only_writer(tmp_path):
        pass
    first.kill()
    first.wait()
    with only_writer(tmp_path):
        pass


def test_a_locked_file_belongs_to_one_thread_and_others_see_what_became_of_it(tmp_path: Path) -> None:
    path, waited = tmp_path / "part", []

    def take(k: int) -> None:
        with locked_file(path, 60, lambda: waited.append(k)) as file:
            content = file.read()
            file.write(b"x")
            file.flush()
            if len(content) == 3:
                path.rename(tmp_path / f"complete-{k}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"xxxx", b"xxxx"]


def test_a_locked_file_is_waited_for_and_not_forever(tmp_path: Path) -> None:
    waited = []
    path = tmp_path / "part"
    with (
        locked_file(path, 60, lambda: None),
        pytest.raises(UserError, match="part: another process is writing to it"),
        locked_file(path, 0.2, lambda: waited.append(1)),
    ):
        pass
    assert waited == [1]


@pytest.mark.parametrize("plant", PLANTED.values(), ids=list(PLANTED))
def test_a_locked_file_is_a_plain_file(tmp_path: Path, plant: Callable[[Path, Path], None]) -> None:
    mine, path = tmp_path / "mine", tmp_path / "part"
    mine.touch()
    plant(path, mine)
    with (
        pytest.raises(UserError, match=r"part: a link, a folder or another special file .*; remove it"),
        locked_file(path, 0, lambda: None) as file,
    ):
        file.write(b"x")
    assert mine.read_bytes() == b""


def test_a_worker_that_outlives_the_block_does_not_keep_the_lock(tmp_path: Path) -> None:
    ready, tell = os.pipe()
    with only_writer(tmp_path):
        worker = os.fork()
        if not worker:
            os.write(tell, b"!")
            time.sleep(60)
            os._exit(0)
    os.read(ready, 1)
    try:
        with only_writer(tmp_path):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def test_a_folder_in_which_nothing_can_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(UserError, match=r"\.lock: cannot be written \("), only_writer(tmp_path):
        pass
