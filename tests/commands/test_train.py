"""The command train."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from facedet.cli import main


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_weights_from_an_exported_model_end_in_one_line_that_names_import(
    format: str, exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    datasets = ["--train", str(drawn / "train.json"), "--val", str(drawn / "val.json")]
    arguments = [*datasets, "--work-dir", str(tmp_path / "run"), "--weights", str(exported[format])]
    done = CliRunner().invoke(main, ["train", "tiny", *arguments])
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert line.startswith(f"facedet: {exported[format]}: is an exported model, not a checkpoint; ")
    assert line.endswith("convert the model with `facedet import` first")
    assert not list(tmp_path.rglob("*.pth"))
