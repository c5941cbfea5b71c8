"""Held to a reference: interface and values before NMS are compared, and what differs is named."""

import json
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from click.testing import CliRunner
from openvino import opset13 as ops

from facedet.cli import main
from facedet.core.common.errors import UserError
from facedet.core.export.interface import Interface
from facedet.core.parity.check import check_parity
from facedet.core.parity.interface import interface_reasons
from facedet.core.parity.levels import Levels


def test_the_same_weights_agree_before_and_after_nms(
    exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    models = [trained / "best.pth", exported["onnx"]]
    options = ["--reference", exported["fp32"], "--images", pictures, "--report", tmp_path]
    done = CliRunner().invoke(main, ["parity", *map(str, [*models, *options])])
    assert done.exit_code == 0, done.output
    assert "best.pth before NMS" in done.output
    assert "NCHW, mean taken off inside" in done.output
    written = json.loads((tmp_path / "parity.json").read_text())
    assert [level["stride"] for level in written["pairs"][0]["levels"]] == [4, 8, 16, 32, 64]
    assert len(written["interfaces"]) == 3
    assert "Before NMS, every anchor" in (tmp_path / "parity.html").read_text()


def test_a_fault_on_one_level_is_named_by_its_stride(
    exported: dict[str, Path], trained: Path, pictures: Path, tmp_path: Path
) -> None:
    model = ov.Core().read_model(exported["fp32"])
    box_maps = [
        n
        for n in model.get_ordered_ops()
        if n.get_type_name() == "Convolution" and n.get_output_shape(0)[1:3] == [4, 20]
    ]
    (conv,) = box_maps  # stride 16 of 320 pixels
    weight = conv.input_value(1).get_node().data
    conv.input(1).replace_source_output(ops.constant(np.float32(weight * 1.1)).output(0))
    ov.serialize(model, tmp_path / "faulty.xml")
    (pair,) = check_parity([tmp_path / "faulty.xml"], pictures, reference=trained / "best.pth").pairs
    before = [reason for reason in pair.reasons if reason.startswith("before NMS")]
    assert len(before) == 1
    assert before[0].startswith("before NMS, stride 16: ")


def test_levels_add_up_pictures() -> None:
    levels = Levels([4, 8], 8)  # 4 anchors and 1
    boxes, scores = np.zeros((5, 4), np.float32), np.zeros(5, np.float32)
    levels.add([boxes, scores], [boxes + np.float32([0, 0, 0, 1]), scores])
    levels.add([boxes, scores], [boxes, scores + np.float32([0, 0, 0, 0, 0.5])])
    fine, coarse = levels.differences()
    assert (fine.anchors, fine.max_px, fine.mean_px, fine.max_score) == (4, 1, 0.125, 0)
    assert (coarse.anchors, coarse.max_px, coarse.max_score, coarse.mean_score) == (1, 1, 0.5, 0.25)
    with pytest.raises(ValueError, match="have 5 and 4 anchors, the config 5"):
        levels.add([boxes, scores], [boxes[:4], scores[:4]])


def interface(rows: object = 750, labels: str = "i64", size: int = 320, takes_mean: bool = True) -> Interface:
    outputs = {"boxes": ("f32", [rows, 5]), "labels": (labels, [rows])}
    return Interface({"image": ("f32", [1, 3, size, size])}, outputs, takes_mean)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (interface(rows=None), ""),
        (interface(rows=100), "gives boxes [100, 5] f32, the reference [750, 5] f32"),
        (interface(labels="i32"), "gives labels [750] i32, the reference [750] i64"),
        (interface(size=640), "takes [1, 3, 640, 640] f32, the reference [1, 3, 320, 320] f32"),
        (interface(takes_mean=False), "one of the two takes a mean off the image inside, the other does not"),
    ],
)
def test_interfaces_that_differ_are_named(other: Interface, told: str) -> None:
    reasons = interface_reasons(interface(), other)
    assert (reasons[0] if reasons else "") == told


def test_a_reference_needs_a_model_that_knows_its_levels(
    exported: dict[str, Path], pictures: Path, tmp_path: Path
) -> None:
    model = ov.Core().read_model(exported["fp32"])
    model.set_rt_info("{", ["facedet", "network"])
    ov.serialize(model, tmp_path / "damaged.xml")
    with pytest.raises(UserError, match=r"damaged\.xml: its description of its network is damaged"):
        check_parity([tmp_path / "damaged.xml"], pictures, reference=exported["fp32"])
