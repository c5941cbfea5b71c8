"""`--device` of the verbs: what the reports say is what the model computed on."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.inference.face_detector import open_detector
from facedet.weights.ir.graph import core


def invoke(*line: Any) -> str:
    done = CliRunner().invoke(main, [*map(str, line)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def cpu() -> str:
    return core().get_property("CPU", "FULL_DEVICE_NAME")


def test_evaluate_and_compare_state_the_device(
    exported: dict[str, Path], drawn: Path, tmp_path: Path, cpu: str
) -> None:
    options = "--device", "HETERO:CPU", "--report", tmp_path
    printed = invoke("evaluate", exported["fp32"], drawn / "val.json", *options)
    printed += invoke("compare", exported["fp32"], exported["fp16"], drawn / "val.json", *options)
    evaluation, comparison = (
        json.loads((tmp_path / name).read_text()) for name in ("evaluation.json", "comparison.json")
    )
    for runtime in (evaluation["runtime"], *comparison["runtimes"]):
        assert (runtime["device"], runtime["name"]) == ("CPU", cpu)
        assert runtime["library"].startswith("OpenVINO 20")
    for text in (printed, (tmp_path / "evaluation.html").read_text(), (tmp_path / "comparison.html").read_text()):
        assert f"computed on CPU ({cpu})" in text


def test_benchmark_and_detect_run_on_the_device(
    exported: dict[str, Path], two_images: Path, tmp_path: Path, cpu: str
) -> None:
    options = "--device", "AUTO:CPU", "--precision", "f32", "--rounds", "1"
    assert f"computed on CPU ({cpu}), f32, OpenVINO" in invoke("benchmark", exported["fp32"], *options)
    assert "in 2 images" in invoke(
        "detect", exported["fp32"], two_images, "-o", tmp_path / "out", "--device", "BATCH:CPU"
    )


def test_an_open_detector_states_the_device(exported: dict[str, Path], trained: Path, cpu: str) -> None:
    assert open_detector(exported["fp32"], device="MULTI:CPU").runtime.name == cpu
    assert open_detector(exported["fp32"]).runtime.precision == "f32"
    assert open_detector(exported["onnx"], device="cpu").runtime.library.startswith("ONNX Runtime ")
    on_torch = open_detector(trained / "best.pth", device="CPU").runtime
    assert (on_torch.device, on_torch.precision, on_torch.library.split()[0]) == ("cpu", "f32", "PyTorch")
