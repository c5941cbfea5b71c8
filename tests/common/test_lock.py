"""One process at a time writes to a folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.common.lock import only_writer

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
