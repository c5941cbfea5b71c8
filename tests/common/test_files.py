"""Outputs are complete or absent, and never replace inputs."""

from pathlib import Path

import pytest

from facedet.core.common.errors import UserError
from facedet.core.common.files import check_writable, refuse_inputs, write_beside, write_json


def test_outputs_that_would_change_an_input_are_refused(tmp_path: Path) -> None:
    folder, file = tmp_path / "dataset", tmp_path / "set.json"
    folder.mkdir()
    file.touch()
    refuse_inputs([tmp_path / "out.json", None], [folder, file, None])
    refuse_inputs([tmp_path / "dataset-2"], [folder])
    for output in (folder, folder / "deep" / "out.json", file, tmp_path / "dataset" / ".." / "set.json"):
        with pytest.raises(UserError, match=r"would change .*, which is only read; choose a path outside it"):
            refuse_inputs([tmp_path / "out.json", output], [folder, file])


def test_a_file_is_replaced_only_if_it_was_written_completely(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out.txt"
    with write_beside(target) as temporary:
        temporary.write_text("earlier")

    def interrupted() -> None:
        with write_beside(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert target.read_text() == "earlier"
    assert list(target.parent.iterdir()) == [target]


def test_a_path_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"out\.json: cannot be written \("):
        write_json({}, tmp_path / "file" / "out.json")
    with pytest.raises(UserError, match=r"file: cannot be written to \("):
        check_writable(tmp_path / "file")
