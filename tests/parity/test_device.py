"""Parity on a device: its precision is judged against float32 on the CPU, and what it costs is shown."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import openvino as ov
import pytest
from click.testing import CliRunner
from helpers.graph_errors import shifted_anchors

from facedet.cli import main
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.evaluation.metrics.coco import average_precision
from facedet.inference.predict import predict
from facedet.inference.session import open_session
from facedet.parity.check import check_parity
from facedet.parity.tolerances import ON_DEVICE
from facedet.weights.ir.graph import core


def test_one_model_on_a_device_is_compared_with_itself_in_float32_on_the_cpu(
    exported: dict[str, Path], two_images: Path, tmp_path: Path
) -> None:
    options = ["--device", "auto:CPU", "--images", two_images, "--report", tmp_path]
    done = CliRunner().invoke(main, ["parity", *map(str, [exported["fp32"], *options])])
    assert done.exit_code in (0, 1), done.output  # after so few epochs, bf16 can move boxes further
    written = json.loads((tmp_path / "parity.json").read_text())
    (pair,) = written["pairs"]
    assert (pair["reference"], pair["model"]) == (str(exported["fp32"]),) * 2
    assert pair["tolerance"] == asdict(ON_DEVICE)
    assert pair["default_drift"] is None
    first, second = written["runtimes"]
    assert first["precision"] == "f32"
    assert second["precision"] == open_session(exported["fp32"], "default").runtime.precision
    assert second["device"] == first["device"] == "CPU"
    for text in (done.output, (tmp_path / "parity.html").read_text()):
        assert f"{first['name']}" in text


def test_accuracy_on_a_device_is_shown_beside_that_in_float32_on_the_cpu(
    exported: dict[str, Path], two_images: Path, drawn: Path, tmp_path: Path
) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy(exported["fp32"].with_suffix(suffix), tmp_path / f"faulty{suffix}")
    model, val = core().read_model(exported["fp32"]), drawn / "val.json"
    shifted_anchors(model)  # so that both have other figures, whatever the device computes in
    ov.serialize(model, tmp_path / "faulty.xml")
    models = ["--reference", exported["fp32"], tmp_path / "faulty.xml"]
    options = ["--device", "CPU", "--images", two_images, "--report", tmp_path, "--annotations", val]
    done = CliRunner().invoke(main, ["parity", *map(str, [*models, *options])])
    assert done.exit_code == 1, done.output
    written = json.loads((tmp_path / "parity.json").read_text())
    (accuracy,) = written["accuracy"]
    ap = accuracy["differences"][0]
    photos = read_dataset(DatasetSource(val)).photos
    sessions = open_session(exported["fp32"]), open_session(tmp_path / "faulty.xml", "default")
    found = [predict(session, [photo.path for photo in photos])[0] for session in sessions]
    expected = [average_precision(photos, each)["AP"] for each in found]
    assert [ap["first"], ap["second"]] == pytest.approx(expected, abs=1e-9)
    assert expected[0] != expected[1]
    assert (accuracy["model"], ap["name"]) == (str(tmp_path / "faulty.xml"), "AP")
    assert [each["role"] for each in written["about"]["datasets"]] == ["images", "annotations"]
    for text in (done.output, (tmp_path / "parity.html").read_text()):
        assert accuracy["verdict"] in text
        assert f"{100 * expected[1]:.1f} %" in text


def test_images_that_the_accuracy_leaves_out_are_named(
    exported: dict[str, Path], two_images: Path, drawn: Path, tmp_path: Path
) -> None:
    shutil.copytree(drawn / "images", tmp_path / "images")
    shutil.copy(drawn / "val.json", tmp_path)
    name = json.loads((drawn / "val.json").read_text())["images"][0]["file_name"]
    image = next((tmp_path / "images").rglob(Path(name).name))
    image.write_bytes(image.read_bytes()[:-200])  # its header can be read
    arguments = [exported["fp32"], "--device", "CPU", "--images", two_images, "--annotations", tmp_path / "val.json"]
    done = CliRunner().invoke(main, ["parity", *map(str, arguments)])
    assert f"left out: {image}" in done.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--annotations: shows the accuracy on a device; give --device, and no --size"),
        (["--device", "CPU", "--size", "64x64"], "--annotations: shows the accuracy on a device; give --device"),
        (["--device", "CPU"], "no usable image"),
    ],
)
def test_annotations_are_checked_before_the_models_run(
    options: list[str], said: str, two_images: Path, drawn: Path, tmp_path: Path
) -> None:
    shutil.copy(drawn / "val.json", tmp_path)  # without its images
    (tmp_path / "m.xml").write_text("<net></net>")  # no model
    (tmp_path / "m.bin").write_bytes(b"")
    arguments = [tmp_path / "m.xml", "--images", two_images, "--annotations", tmp_path / "val.json", *options]
    done = CliRunner().invoke(main, ["parity", *map(str, arguments)])
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("device", ["HETERO:CPU", "BATCH:CPU"])
def test_an_error_on_a_device_is_reported_also_before_nms(
    device: str, exported: dict[str, Path], two_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(exported["fp32"])
    shifted_anchors(model)
    ov.serialize(model, tmp_path / "faulty.xml")
    options = {"reference": exported["fp32"], "device": device}
    (pair,) = check_parity([tmp_path / "faulty.xml"], two_images, **options).pairs
    assert not pair.agree
    assert max(level.max_px for level in pair.levels) > 1
