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


def test_a_file_states_that_it_is_not_folded(unfolded: dict[str, Path]) -> None:
    """test_cli.py exports one that is."""
    for path in unfolded.values():
        origin = describe(path).origin
        assert (origin["checkpoint"], origin["folded"]) == ("best.pth", "no")


def test_all_options_reach_the_export(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[tuple] = []
    monkeypatch.setattr(
        "facedet.export.export.export_model", lambda *given, **more: passed.append((*given, more)) or {}
    )
    options = ["--no-fold", "--no-nms", "--input", "u8", "--batch", "2", "--formats", "fp32,fp16"]
    for given in ([], options, ["--layout", "model-api"]):
        done = CliRunner().invoke(main, ["export", "x.pth", "-o", "out", *given])
        assert done.exit_code == 0, done.output
    plain = {
        "fold": True,
        "nms": True,
        "layout": "published",
        "input": "f32",
        "batch": 1,
        "threshold": None,
        "config": None,
    }
    variant = {**plain, "fold": False, "nms": False, "input": "u8", "batch": 2}
    variants = [plain, variant, {**plain, "layout": "model-api"}]
    assert [(*map(str, each[:2]), each[-1]) for each in passed] == [("x.pth", "out", each) for each in variants]
    assert passed[0][2] is None
    assert list(passed[1][2]) == ["fp32", "fp16"]
