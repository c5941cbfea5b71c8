"""Where scores are nearly equal, NMS chooses by the last digit: proven to be the only difference, or reported."""

from pathlib import Path

import onnx
import pytest
from helpers.graphs import add_to_initializer

from facedet.data.image import read_image, to_tensor
from facedet.export.load import load_network
from facedet.export.to_onnx import fix_size, write_onnx
from facedet.inference.session import open_session
from facedet.parity.check import check_parity
from facedet.parity.choices import follows_rule
from facedet.parity.tolerances import TOLERANCES
from facedet.parity.verdict import measure
from facedet.weights.torch_file import read_torch_file, write_torch_file


@pytest.fixture(scope="module")
def flat(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose scores all lie near 0.2 and differ by rounding, as after a few steps of training."""
    content = read_torch_file(trained / "best.pth")
    state = content["state_dict"]
    for name in ("atss_cls", "atss_centerness"):
        state[f"bbox_head.{name}.weight"] *= 1e-6
        state[f"bbox_head.{name}.bias"].fill_(-0.2)
    path = tmp_path_factory.mktemp("flat") / "flat.pth"
    write_torch_file(content, path)
    return path


@pytest.fixture(scope="module")
def flat_export(flat: Path) -> Path:
    """It as an ONNX file."""
    network, size, facts = load_network(flat)
    write_onnx(network, facts, flat.with_name("any.onnx"))
    fix_size(flat.with_name("any.onnx"), size, flat.with_suffix(".onnx"))
    return flat.with_suffix(".onnx")


def test_a_choice_of_nms_is_proven_and_counted(flat: Path, flat_export: Path, unseen_images: Path) -> None:
    parity = check_parity([flat, flat_export], unseen_images)
    assert parity.agree
    (pair,) = parity.pairs
    assert pair.difference.nms_choices > 0
    assert pair.difference.judged > 100
    assert str(pair.difference.nms_choices) in pair.notes[0]


def test_nms_with_another_threshold_is_reported(
    flat: Path, flat_export: Path, two_images: Path, tmp_path: Path
) -> None:
    model = onnx.load(flat_export)
    (nms,) = (node for node in model.graph.node if node.op_type == "NonMaxSuppression")
    add_to_initializer(model, nms.input[3], 0.05)
    onnx.save(model, tmp_path / "other.onnx")
    (pair,) = check_parity([flat, tmp_path / "other.onnx"], two_images).pairs
    assert pair.reasons
    assert not pair.notes


def test_other_boxes_before_nms_are_reported(flat: Path, flat_export: Path, two_images: Path, tmp_path: Path) -> None:
    model = onnx.load(flat_export)
    add_to_initializer(model, "detector.bbox_head.atss_reg.bias", 0.01)  # 0.03 px at stride 4
    onnx.save(model, tmp_path / "moved.onnx")
    (pair,) = check_parity([flat, tmp_path / "moved.onnx"], two_images).pairs
    assert pair.reasons
    assert not pair.notes


@pytest.mark.parametrize("format", ["onnx", "fp32"])
def test_the_rows_of_a_model_follow_from_its_values_before_nms(
    format: str, exported: dict[str, Path], unseen_images: Path
) -> None:
    session = open_session(exported[format])
    for path in sorted(unseen_images.iterdir()):
        image = to_tensor(read_image(path), session.size)
        rows, dense = session.run(image), session.dense(image)
        assert session.nms_rule is not None
        assert follows_rule(rows, dense, session.nms_rule)
        assert not follows_rule(rows, dense, {**session.nms_rule, "iou_threshold": 0.3})
        assert measure([rows], [rows], TOLERANCES["f32"], only_nms=True).nms_choices == 0
