"""The work dir of a training run: one run at a time, and none overwrites an earlier one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import check_writable
from facedet.common.lock import only_writer
from facedet.train.machine.distributed import is_first, wait


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


def refuse_earlier_run(folder: Path, resume: bool) -> None:
    """Raise UserError if the folder holds the results of an earlier run, unless that is resumed."""
    if contains_run(folder) and not resume:
        raise UserError(f"{folder}: contains an earlier run; continue it with --resume or choose another --work-dir")


def contains_run(folder: Path) -> bool:
    """Whether a run can continue here."""
    return any((folder / name).is_file() for name in ("last.pth", "previous.pth"))
