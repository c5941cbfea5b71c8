"""Export of a checkpoint: which files are written, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.export.export import export_model


def test_only_the_requested_formats_are_written(exported_as: Callable[..., dict[str, Path]]) -> None:
    files = exported_as(layout="model-api", input="u8", formats="fp32")
    folder = files["fp32"].parent
    stem = "detector-fp32-model-api-u8"
    assert files == {"fp32": folder / f"{stem}.xml"}
    assert sorted(path.name for path in folder.glob("[!.]*")) == [f"{stem}.bin", f"{stem}.xml"]


@pytest.mark.parametrize(("formats", "message"), [(["onnx", "int3"], "--formats int3: give one"), ([], "give one")])
def test_an_unknown_format_is_refused(formats: list[str], message: str, trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{message} or more of onnx, fp32, fp16"):
        export_model(trained / "best.pth", tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_only_a_checkpoint_is_exported(format: str, exported: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="facedet import"):
        export_model(exported[format], tmp_path / "out")
    assert not (tmp_path / "out").exists()
