"""The work dir of a training run: one run at a time, and none overwrites an earlier one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedet.common.files import check_writable
from facedet.common.lock import only_writer
from facedet.train.machine.distributed import is_first, wait
from facedet.train.machine.earlier_run import refuse_earlier_run


@contextmanager
def own(folder: Path, resume: bool) -> Iterator[None]:
    """Check the work dir, and keep other runs out of it. The first process does it for all. Raises UserError."""
    if not is_first():
        wait()
        yield
        return
    check_writable(folder)
    with only_writer(folder):
        refuse_earlier_run(folder, resume)
        wait()
        yield
