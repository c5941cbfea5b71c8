"""The commands evaluate and compare: arguments and outputs."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from facedet.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either a model to evaluate or --predictions"),
        (["x.pth"], "give a dataset, or --predictions with --wider-ground-truth"),
        (["x.pth", "set", "--metrics", "ap65"], "--metrics ap65: give one or more of coco, wider, ap64"),
        (["x.pth", "set", "--metrics", "wider"], "wider needs --wider-ground-truth"),
        (["--predictions", "p", "--wider-ground-truth", "."], "wider_face_val.mat: no such file or folder"),
        (["x.pth", "set", "other"], "other: give one dataset only"),
        (["x.pth", "set", "--metrics", "coco", "ap64"], "ap64: give one dataset only"),
        (["x.pth", "set", "--metrics", "coco,ap65", "--metrics", "ap64,ap66"], "--metrics ap65,ap66: give one or more"),
        (["x.xml", "set", "--config", "tiny"], "--config tiny: is for checkpoints (.pth), but no model is one"),
    ],
)
def test_invalid_arguments_end_in_one_line(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["evaluate", *arguments])
    assert done.exit_code == 2
    assert message in done.output.splitlines()[-1]


def test_outputs_never_replace_inputs(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
    annotations = tmp_path / "set" / "val.json"
    commands = [
        ["evaluate", exported["fp32"], annotations, "--json", annotations],
        ["evaluate", exported["fp32"], annotations, "--images", tmp_path / "set", "--report", tmp_path / "set" / "r"],
        [
            "compare",
            exported["fp32"],
            exported["fp16"],
            annotations,
            "--images",
            tmp_path / "set",
            "--report",
            tmp_path / "set",
        ],
        ["data", "check", annotations, "--json", annotations],
    ]
    for command in commands:
        done = CliRunner().invoke(main, list(map(str, command)))
        assert done.exit_code == 2
        assert "which is only read" in done.output
    assert before == {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
