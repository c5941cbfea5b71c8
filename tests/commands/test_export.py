"""The command export."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.inference.info import describe

ONE_LINE = (
    "is an exported model, not a checkpoint; export and training start from a checkpoint (.pth): "
    "convert the model with `facedet import` first"
)


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_exporting_an_exported_model_ends_in_one_line_that_names_import(
    format: str, exported: dict[str, Path], tmp_path: Path
) -> None:
    done = CliRunner().invoke(main, ["export", str(exported[format]), "-o", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.output == f"facedet: {exported[format]}: {ONE_LINE}\n"
    assert not (tmp_path / "out").exists()


def test_a_file_states_that_it_is_not_folded(trained: Path, tmp_path: Path) -> None:
    """test_cli.py exports one that is."""
    arguments = ["export", str(trained / "best.pth"), "-o", str(tmp_path), "--formats", "onnx", "--no-fold"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    origin = describe(tmp_path / "detector.onnx").origin
    assert (origin["checkpoint"], origin["folded"]) == ("best.pth", "no")
