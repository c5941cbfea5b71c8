"""A work dir belongs to one run: it replaces no earlier one, and nothing of the user's."""

from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.common.files import write_text
from facedet.train.machine.work_dir import own


def start(folder: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    """A run that writes its checkpoints."""
    with own(folder, resume, overwrite):
        for name in ("best.pth", "last.pth"):
            write_text(folder / name, "of a run")


def test_a_run_replaces_nothing_of_the_users(tmp_path: Path) -> None:
    (tmp_path / "best.pth").write_text("mine")
    for resume in (False, True):
        with pytest.raises(UserError, match=r"best\.pth: exists, and `facedet train` did not write it"):
            start(tmp_path, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["best.pth"]
    assert (tmp_path / "best.pth").read_text() == "mine"


def test_an_earlier_run_is_resumed_or_replaced_as_a_whole(tmp_path: Path) -> None:
    start(tmp_path)
    start(tmp_path, resume=True)
    with pytest.raises(UserError, match=r"contains an earlier run; continue it with --resume, choose another"):
        start(tmp_path)
    with own(tmp_path, resume=True, overwrite=True):
        assert (tmp_path / "last.pth").exists()
    with own(tmp_path, resume=False, overwrite=True):
        assert not (tmp_path / "last.pth").exists()  # a --resume after a crash must not continue the earlier run
    start(tmp_path)  # what is left is of a run, and nothing is there to resume
