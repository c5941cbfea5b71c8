"""Export of a checkpoint: which files are written, and what is refused."""

from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.export.export import FORMATS, export_model


def test_only_the_requested_formats_are_written(trained: Path, tmp_path: Path) -> None:
    assert export_model(trained / "best.pth", tmp_path, ["fp16"]) == {"fp16": tmp_path / FORMATS["fp16"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["detector-fp16.bin", "detector-fp16.xml"]


@pytest.mark.parametrize(("formats", "message"), [(["onnx", "int3"], "--formats int3: give one"), ([], "give one")])
def test_an_unknown_format_is_refused(formats: list[str], message: str, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{message} or more of onnx fp32 fp16"):
        export_model(trained / "best.pth", tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_only_a_checkpoint_is_exported(format: str, exported: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="facedet import"):
        export_model(exported[format], tmp_path / "out")
    assert not (tmp_path / "out").exists()
