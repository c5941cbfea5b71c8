"""Quantization of a model with an accuracy gate, and its report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from click.testing import CliRunner
from openvino import opset13 as ops

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.common.progress import silent
from facedet.data.dataset import DatasetSource
from facedet.data.synthetic import draw_dataset
from facedet.evaluation import gated_quantization
from facedet.evaluation.evaluate import evaluate
from facedet.evaluation.gated_quantization import quantize_model
from facedet.export.graph_parts import last_convolutions
from facedet.export.stored_point import copy_with_point
from facedet.inference.session import open_session, shown_above
from facedet.text.quantization import quantization_table
from facedet.weights.ir.graph import core
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint


@pytest.fixture(autouse=True)
def no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No speed is measured; tests/inference/test_throughput.py does."""
    monkeypatch.setattr(gated_quantization, "throughput", lambda files, *_, **__: dict.fromkeys(files, 2.5))


@pytest.fixture
def no_calibration(quantized: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every quantization gives the file of `quantized`."""

    def give(ir: Path, images: list[Path], target: Path, *, judge: Any, max_drop: float, **_: Any) -> None:
        assert judge.images == 8
        assert max_drop == 1
        _copy(quantized, target)

    monkeypatch.setattr(gated_quantization, "quantize", give)


def _copy(source: Path, target: Path, shift: float = 0.0) -> None:
    """Copy an INT8 IR and add `shift` to the outputs of its last convolutions."""
    model = core().read_model(source)
    for node in last_convolutions(model) if shift else []:
        readers = node.output(0).get_target_inputs()
        shifted = ops.add(node, np.float32(shift)).output(0)
        for port in readers:
            port.replace_source_output(shifted)
    ov.save_model(model, target, compress_to_fp16=False)


@pytest.mark.full
def test_a_checkpoint_is_quantized_from_the_command_line(trained: Path, drawn: Path, tmp_path: Path) -> None:
    """Without --val nothing is judged; all variants are compared in size and speed."""
    model, out, report = trained / "best.pth", tmp_path / "out", tmp_path / "report"
    arguments = ["quantize", model, "--calibrate", drawn / "val.json", "-o", out, "--report", report]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.glob("[!.]*")) == ["detector-int8.bin", "detector-int8.xml"]
    assert "calibrated on 8 images; in float: 0 of 65 convolutions" in done.output
    written = json.loads((report / "quantization.json").read_text())
    sizes = {each["name"]: each["bytes"] for each in written["variants"]}
    assert {"fp32", "fp16", "int8"} <= sizes.keys()
    assert all(each["images_per_second"] == 2.5 for each in written["variants"])
    assert sizes["int8"] < 0.6 * sizes["fp16"] < 0.35 * sizes["fp32"]
    assert written["comparison"] is None
    assert "INT8 written" in (report / "quantization.html").read_text()


@pytest.mark.usefixtures("no_calibration")
def test_figures_of_all_variants_and_the_lost_faces_are_shown(
    exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    arguments = [exported["fp32"], "--calibrate", drawn / "images", "--val", drawn / "val.json", "--max-drop", 1]
    arguments += ["-o", tmp_path / "out", "--report", tmp_path / "report"]
    done = CliRunner().invoke(main, ["quantize", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert "faces that only INT8 shows:" in done.output
    written = json.loads((tmp_path / "report" / "quantization.json").read_text())
    fp32, *others = [each["figures"] for each in written["variants"]]
    assert 0 < fp32["AP"] < 1
    assert all(each.keys() == fp32.keys() for each in others)
    assert written["comparison"]["images"] == 8
    threshold = shown_above(open_session(exported["fp32"]))
    assert f"8 images, scores above {threshold:g}" in (tmp_path / "report" / "quantization.html").read_text()


def test_a_file_that_loses_too_much_is_refused_with_the_figures(
    exported: dict[str, Path], quantized: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gated_quantization, "quantize", lambda ir, images, target, **_: _copy(quantized, target, -9))
    arguments = [exported["fp32"], "--calibrate", drawn / "images", "--val", drawn / "val.json", "-o", tmp_path / "out"]
    done = CliRunner().invoke(main, ["quantize", *map(str, arguments)])
    assert done.exit_code == 2
    assert "INT8 loses too much accuracy, nothing was written: AP falls from" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "int8" in done.stdout
    assert not list((tmp_path / "out").iterdir())


def test_what_cannot_be_quantized_is_refused(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("gone.png")
    wrong: list[tuple[Any, Any, dict, str]] = [
        (exported["onnx"], drawn / "val.json", {}, r"give a checkpoint \(.pth\) or an FP32 IR"),
        (exported["fp16"], drawn / "val.json", {}, "its weights are stored in f16"),
        (exported["fp32"], drawn / "gone", {}, "no such file or folder"),
        (exported["fp32"], drawn / "val.json", {"max_drop": 2}, "--max-drop 2: AP lies between 0 and 1"),
        (
            exported["fp32"],
            DatasetSource(drawn / "val.json", names=names),
            {},
            r"no image to calibrate on \(.*gone\.png",
        ),
    ]
    for model, calibrate, options, message in wrong:
        with pytest.raises(UserError, match=message):
            quantize_model(model, calibrate, tmp_path / "out", **options)
    assert not list((tmp_path / "out").glob("*"))


def test_settings_of_the_gate_need_images_to_judge_on(tmp_path: Path) -> None:
    arguments = ["x.pth", "--calibrate", "set", "--max-drop", "0.1", "-o", str(tmp_path)]
    done = CliRunner().invoke(main, ["quantize", *arguments])
    assert done.exit_code == 2
    assert "--val-list and --max-drop are for --val; give it too" in done.stderr


def test_calibration_images_that_cannot_be_opened_are_left_out(tmp_path: Path) -> None:
    draw_dataset(tmp_path, 3, seed=1, name="set")
    (tmp_path / "set.json").unlink()
    (tmp_path / "images" / "set-001.png").write_bytes(b"not an image")
    left_out: list[str] = []
    found = gated_quantization._calibration_images(DatasetSource(tmp_path / "images"), left_out, silent)
    names = [path.name for path in found]
    assert names == ["set-000.png", "set-002.png"]
    assert len(left_out) == 1


def test_int8_measures_its_own_threshold_on_val(
    exported: dict[str, Path], drawn: Path, tmp_path: Path, no_calibration: None
) -> None:
    val = DatasetSource(drawn / "val.json")
    done = quantize_model(exported["fp32"], drawn / "val.json", tmp_path, val=val, max_drop=1)
    point = open_session(tmp_path / "detector-int8.xml").operating_point
    assert point is not None
    measured = evaluate(tmp_path / "detector-int8.xml", val).thresholds
    assert point == measured.point
    assert measured.own_row.optimistic
    assert OperatingPoint.from_json(done.facts[OPERATING_POINT]) == point
    assert f"INT8 shows boxes above its own {point}" in quantization_table(done)
    assert done.comparison is not None
    assert done.comparison.thresholds == (shown_above(open_session(exported["fp32"])),) * 2


def test_int8_keeps_a_threshold_that_was_chosen_for_another_target(
    exported: dict[str, Path], drawn: Path, tmp_path: Path, no_calibration: None
) -> None:
    strict = replace(point_of(exported["fp32"]), threshold=0.6, chosen="precision of 0.99 or more")
    copy_with_point(exported["fp32"], tmp_path / "strict.xml", strict)
    val = DatasetSource(drawn / "val.json")
    done = quantize_model(tmp_path / "strict.xml", drawn / "val.json", tmp_path / "int8", val=val, max_drop=1)
    assert not point_of(done.path).is_measured
    assert [each["threshold"] for each in done.about.as_dict()["models"]] == [0.6, 0.6]


def point_of(path: Path) -> OperatingPoint:
    point = open_session(path).operating_point
    assert point is not None
    return point
