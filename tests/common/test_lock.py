"""One process at a time writes to a folder."""

import subprocess
import sys
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
