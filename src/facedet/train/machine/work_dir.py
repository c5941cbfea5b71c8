"""The work dir of a training run: one run at a time, and none overwrites an earlier one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import check_writable, remove_leftovers
from facedet.common.lock import only_writer
from facedet.common.outputs import Output, writing
from facedet.train.files import RESUMED, WRITTEN
from facedet.train.machine.distributed import is_first, wait


@contextmanager
def own(folder: Path, resume: bool, overwrite: bool = False) -> Iterator[None]:
    """Check the work dir, and keep other runs out of it. The first process does it for all. Raises UserError.

    overwrite: replace the files of an earlier run that is not resumed, and files that no run wrote.
    """
    if not is_first():
        wait()
        yield
        return
    with writing("train", [Output(folder, WRITTEN)], overwrite=overwrite):
        check_writable(folder)
        with only_writer(folder):
            _start(folder, resume, overwrite)
            wait()
            yield


def _start(folder: Path, resume: bool, overwrite: bool) -> None:
    refuse_earlier_run(folder, resume or overwrite)
    for name in () if resume else RESUMED:  # else a later --resume would continue the earlier run
        (folder / name).unlink(missing_ok=True)
    remove_leftovers(folder)


def refuse_earlier_run(folder: Path, resume: bool) -> None:
    """Raise UserError if the folder holds the results of an earlier run, unless that is resumed."""
    if contains_run(folder) and not resume:
        advice = "continue it with --resume, choose another --work-dir, or replace it with --overwrite"
        raise UserError(f"{folder}: contains an earlier run; {advice}")


def contains_run(folder: Path) -> bool:
    """Whether a run can continue here."""
    return any((folder / name).is_file() for name in RESUMED)
