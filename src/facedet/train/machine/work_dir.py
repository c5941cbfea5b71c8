"""The work dir of a training run: one run at a time, and none overwrites an earlier one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facedet.common.files import check_writable
from facedet.common.lock import only_writer
from facedet.common.outputs import Output, writing
from facedet.train.files import RESUMED, WRITTEN
from facedet.train.machine.distributed import is_first, wait
from facedet.train.machine.earlier_run import refuse_earlier_run


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
