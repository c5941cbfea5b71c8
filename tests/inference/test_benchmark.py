"""Speed of models against each other: every model in every round, and what is made of the measured values."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.inference.benchmark import Opened, Speed
from facedet.inference.runtime import Runtime

FIGURES = ("latency_ms", "cpu_ms", "images_per_second")


def test_every_model_is_measured_in_every_round(exported: dict[str, Path], tmp_path: Path) -> None:
    models = [exported["fp32"], exported["onnx"]]
    options = ["--precision", "f32,default", "--rounds", "3", "--json", tmp_path / "speed.json"]
    done = CliRunner().invoke(main, ["benchmark", *map(str, [*models, *options])])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "speed.json").read_text())
    speeds = result["speeds"]
    assert [speed["path"] for speed in speeds] == [str(models[k]) for k in (0, 0, 1)]  # the IR in both precisions
    assert [speed["kind"] for speed in speeds] == ["IR", "IR", "ONNX"]
    assert all(speed["runtime"]["device"] == "CPU" for speed in speeds)
    assert [speed["runtime"]["library"].split()[0] for speed in speeds] == ["OpenVINO", "OpenVINO", "ONNX"]
    assert [sorted(order) for order in result["orders"]] == [[0, 1, 2]] * 3
    assert len({tuple(order) for order in result["orders"]}) > 1
    for speed in speeds:
        assert speed["open_seconds"] > 0
        assert speed["memory_mb"] > 0
        for figure in (speed[name] for name in FIGURES):
            assert len(figure["rounds"]) == 3
            assert 0 < figure["min"] <= figure["median"] <= figure["max"]
            assert {figure["min"], figure["median"], figure["max"]} == set(figure["rounds"])
    assert all(speeds[0][name]["times_as_fast_as_first"] == 1 for name in FIGURES)
    table = done.stdout.splitlines()
    assert sum(line.startswith(str(exported["fp32"].parent)) for line in table) == 3
    assert result["versions"]["openvino"] in table[0]


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    opened = Opened("x.xml", "IR", Runtime("CPU", "a processor", "f32", "OpenVINO 1"), 1.0, 100)
    slow = Speed(opened, [10, 20, 90], [8, 8, 8], [2, 2, 2])
    fast = Speed(opened, [5, 5, 100], [2, 1, 4], [6, 8, 2])
    assert fast.speed_up_over(slow) == {"latency_ms": 2, "cpu_ms": 4, "images_per_second": 3}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.xml"], "gone.xml: no such file or folder"),
        (["{ir}", "notes.txt"], "notes.txt: not a model"),
        (["{ir}", "--precision", "f23"], "--precision f23: give f32, bf16 or default"),
        (["{ir}", "--precision", "f32", "bf16"], "bf16: not a model"),
        (["{ir}", "--json", "{ir}"], "which is only read"),
    ],
)
def test_invalid_arguments_end_in_one_line(arguments: list[str], message: str, exported: dict[str, Path]) -> None:
    done = CliRunner().invoke(main, ["benchmark", *(a.format(ir=exported["fp32"]) for a in arguments)])
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_cannot_be_opened_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_text("no model")
    done = CliRunner().invoke(main, ["benchmark", str(tmp_path / "broken.onnx")])
    assert done.exit_code == 2
    assert "broken.onnx: not an ONNX model" in done.stderr.splitlines()[-1]
