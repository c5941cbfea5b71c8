"""The operating point in exports: from the checkpoint or given, in every format and variant, and used by clients."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.image import find_images, read_image
from facedet.export.export import export_model
from facedet.export.int8 import quantize
from facedet.export.stored_point import copy_with_point
from facedet.inference.face_detector import open_detector
from facedet.inference.info import describe
from facedet.inference.session import open_session, shown_above
from facedet.weights.ir.graph import core
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint
from facedet.weights.torch_file import read_torch_file, write_torch_file

POINT = OperatingPoint(0.123, 0.9, 0.8, 0.85, 0.5, 8, 14, "abc", "best F1")


@pytest.fixture(scope="module")
def with_point(exported: dict[str, Path], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The checkpoint and its exports with POINT instead of the point that training measured."""
    folder = tmp_path_factory.mktemp("point")
    models = {"checkpoint": trained / "best.pth", **exported}
    return {form: copy_with_point(path, folder / path.name, POINT) for form, path in models.items()}


def confidence_threshold(ir: Path) -> str:
    return core().read_model(ir).get_rt_info(["model_info", "confidence_threshold"]).astype(str)


def test_every_format_has_the_point_that_training_measured(trained: Path, exported: dict[str, Path]) -> None:
    point = open_session(trained / "best.pth").operating_point
    assert point is not None
    for path in exported.values():
        session = open_session(path)
        assert session.operating_point == point
        assert shown_above(session) == point.threshold
        described = describe(path)
        assert described.threshold == str(point)
        assert OPERATING_POINT not in described.origin
    assert {confidence_threshold(exported[form]) for form in ("fp32", "fp16")} == {str(point.threshold)}


@pytest.mark.full
@pytest.mark.parametrize("options", [{"nms": False}, {"input": "u8"}, {"layout": "model-api"}, {"batch": 2}], ids=str)
def test_every_variant_has_it(exported_as: Callable, trained: Path, options: dict[str, Any]) -> None:
    point = open_session(trained / "best.pth").operating_point
    assert open_session(exported_as(**options)["fp32"]).operating_point == point


@pytest.fixture
def plain(trained: Path, tmp_path: Path) -> Path:
    """A checkpoint without a point, as of an earlier version or of an import."""
    content = read_torch_file(trained / "best.pth")
    del content["meta"][OPERATING_POINT]
    write_torch_file(content, tmp_path / "plain.pth")
    return tmp_path / "plain.pth"


def test_without_a_point_the_default_is_used(plain: Path) -> None:
    session = open_session(plain)
    assert (session.operating_point, shown_above(session)) == (None, 0.3)
    assert describe(plain).threshold == "threshold 0.3: nothing was measured"


def test_a_given_threshold_is_stored_without_figures(plain: Path, tmp_path: Path) -> None:
    options = ["--formats", "onnx,fp32", "--threshold", "0.41"]
    done = CliRunner().invoke(main, ["export", str(plain), "-o", str(tmp_path), *options])
    assert done.exit_code == 0, done.output
    for name in ("detector.onnx", "detector-fp32.xml"):
        point = open_session(tmp_path / name).operating_point
        assert point == OperatingPoint(0.41, chosen="given at export")
        assert describe(tmp_path / name).threshold == "threshold 0.41: given at export"
    assert confidence_threshold(tmp_path / "detector-fp32.xml") == "0.41"


@pytest.mark.parametrize(
    ("threshold", "said"),
    [(0.01, "the network gives no box with a score below 0.02"), (41, "--threshold 41: scores lie between 0 and 1")],
)
def test_a_threshold_that_means_nothing_is_refused(trained: Path, threshold: float, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        export_model(trained / "best.pth", tmp_path / "out", "fp32", threshold=threshold)
    assert not list(tmp_path.glob("out/*"))


def test_a_damaged_point_is_refused_by_every_format(with_point: dict[str, Path], tmp_path: Path) -> None:
    wrong: Any = replace(POINT, recall=7)
    for path in with_point.values():
        damaged = copy_with_point(path, tmp_path / path.name, wrong)
        for use in (open_session, describe):
            with pytest.raises(UserError, match=rf"{path.name}: its operating point is damaged \(recall is 7\)"):
                use(damaged)


def test_detectors_and_detect_show_boxes_above_it(
    with_point: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    detector = open_detector(with_point["fp32"])
    assert (detector.threshold, detector.operating_point) == (0.123, POINT)
    image = read_image(find_images(unseen_images)[0])
    np.testing.assert_array_equal(detector(image).scores, detector(image, threshold=0.123).scores)
    assert len(detector(image, threshold=0).scores) > len(detector(image).scores)
    arguments = ["detect", with_point["fp32"], unseen_images, "-o", tmp_path / "found"]
    done = CliRunner().invoke(main, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    assert str(POINT) in done.output
    rows = json.loads((tmp_path / "found" / "detections.json").read_text())
    assert 0.123 < min(row["score"] for row in rows) < 0.3
    done = CliRunner().invoke(main, [*map(str, arguments), "--threshold", "0.2"])
    assert str(POINT) not in done.output
    assert min(row["score"] for row in json.loads((tmp_path / "found" / "detections.json").read_text())) > 0.2


def test_int8_has_the_number_but_not_the_figures(with_point: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    quantize(with_point["fp32"], sorted((drawn / "images").iterdir())[:2], tmp_path / "int8.xml")
    point = open_session(tmp_path / "int8.xml").operating_point
    assert point == OperatingPoint(0.123, chosen="that of the float model, not measured in INT8")


def test_a_copy_of_last_pth_has_no_state_of_training(trained: Path, tmp_path: Path) -> None:
    copy_with_point(trained / "last.pth", tmp_path / "copy.pth", POINT)
    before, after = read_torch_file(trained / "last.pth"), read_torch_file(tmp_path / "copy.pth")
    assert after.keys() == {"state_dict", "meta"}
    assert all(after["state_dict"][name].equal(value) for name, value in before["state_dict"].items())
    assert open_session(tmp_path / "copy.pth").operating_point == POINT


def test_a_copy_of_an_int8_file_computes_the_same(
    quantized: Path, unseen_images: Path, tmp_path: Path, exported_as: Callable
) -> None:
    for model in (quantized, exported_as(input="u8")["fp16"]):
        copy = copy_with_point(model, tmp_path / model.name, POINT)
        assert copy.with_suffix(".bin").read_bytes() == model.with_suffix(".bin").read_bytes()
        before, after = open_detector(model), open_detector(copy)
        image = read_image(find_images(unseen_images)[0])
        first, second = before(image, threshold=0), after(image, threshold=0)
        np.testing.assert_array_equal(first.boxes, second.boxes)
        np.testing.assert_array_equal(first.scores, second.scores)
