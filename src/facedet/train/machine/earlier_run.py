"""Whether a work dir holds a run already."""

from pathlib import Path

from facedet.common.errors import UserError
from facedet.train.files import RESUMED


def refuse_earlier_run(folder: Path, resume: bool) -> None:
    """Raise UserError if the folder holds the results of an earlier run, unless that is resumed."""
    if contains_run(folder) and not resume:
        advice = "continue it with --resume, choose another --work-dir, or replace it with --overwrite"
        raise UserError(f"{folder}: contains an earlier run; {advice}")


def contains_run(folder: Path) -> bool:
    """Whether a run can continue here."""
    return any((folder / name).is_file() for name in RESUMED)
