"""Parity finds real errors: each is put into an export, and must be reported."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from click.testing import CliRunner
from helpers.graph_errors import ERRORS, between, boxes_and_scores
from helpers.short import SIZE
from openvino import opset13 as ops

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.detector.selection import select_rows
from facedet.export.load import load_network
from facedet.export.network import DeployedDetector
from facedet.export.to_ir import write_ir
from facedet.export.to_onnx import fix_size, write_onnx
from facedet.parity.check import check_parity
from facedet.parity.tolerances import TOLERANCES
from facedet.weights.ir.graph import core
from facedet.weights.torch_file import read_torch_file, write_torch_file


class ThresholdBeforeProduct(DeployedDetector):
    """The rule of mmdet 3: the class score must exceed the threshold, the product may be lower."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        head, net = self.detector.bbox_head, self.detector
        from facedet.detector.model import preprocess

        cls, reg, ctr = head(net.neck(net.backbone(preprocess(net, image))))
        boxes, scores = head.dense(cls, reg, ctr, image.shape[-2:])
        _, class_scores = head.dense(cls, reg, [c * 0 + 50 for c in ctr], image.shape[-2:])
        scores = scores * (class_scores > 0.02)
        picked = select_rows(boxes, scores[:, None], 750, 0.5, 0.0)
        rows = torch.cat([boxes[0, picked[:, 2]], scores[0, picked[:, 2], None]], dim=1)
        rows = torch.cat([rows, rows.new_zeros(750, 5)])
        order = rows[:, 4].topk(750).indices
        return rows[order], torch.zeros(750, dtype=torch.int64)


@pytest.fixture(scope="module")
def checkpoint(trained: Path) -> Path:
    return trained / "best.pth"


def test_checkpoint_onnx_and_ir_agree(checkpoint: Path, exported: dict[str, Path], unseen_images: Path) -> None:
    parity = check_parity([checkpoint, exported["onnx"], exported["fp32"]], unseen_images)
    assert parity.agree
    assert TOLERANCES["f32"].px == 0.05
    assert TOLERANCES["f32"].score == 1e-4
    for pair in parity.pairs:
        assert pair.precision == pair.weights == "f32"
        assert pair.difference.matched > 100
        assert pair.difference.max_px <= 0.05
        assert pair.difference.max_score <= 1e-4
    assert parity.pairs[1].default_drift is not None
    assert parity.pairs[1].default_precision in {"f32", "bf16", "f16"}


def test_an_fp16_ir_is_judged_by_the_tolerance_of_fp16_weights(
    checkpoint: Path, exported: dict[str, Path], unseen_images: Path
) -> None:
    full, half = check_parity([checkpoint, exported["fp32"], exported["fp16"]], unseen_images).pairs
    assert (half.weights, half.precision, half.tolerance) == ("f16", "f32", TOLERANCES["f16"])
    # test_docs checks the verdict after a full training run; after so few epochs, rounding can change NMS
    assert half.difference.faint > 100
    assert half.difference.mean_score > full.difference.mean_score


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_reported(
    error: str, checkpoint: Path, exported: dict[str, Path], two_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(exported["fp32"])
    ERRORS[error](model)
    ov.serialize(model, tmp_path / "faulty.xml")
    (pair,) = check_parity([checkpoint, tmp_path / "faulty.xml"], two_images).pairs
    assert not pair.agree, "the error was not reported"


def test_a_graph_without_an_error_is_not_reported(
    checkpoint: Path, exported: dict[str, Path], two_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(exported["fp32"])
    between(boxes_and_scores(model)[0], lambda boxes: ops.add(boxes, np.float32(0)))
    ov.serialize(model, tmp_path / "same.xml")
    (pair,) = check_parity([checkpoint, tmp_path / "same.xml"], two_images).pairs
    assert pair.agree, pair.reasons


def test_a_threshold_before_the_product_is_reported(checkpoint: Path, two_images: Path, tmp_path: Path) -> None:
    content = read_torch_file(checkpoint)
    # with lower centerness, some boxes pass by class score but not by the product
    content["state_dict"]["bbox_head.atss_centerness.bias"] -= 6
    write_torch_file(content, tmp_path / "low.pth")
    network, size, facts = load_network(tmp_path / "low.pth")
    write_onnx(ThresholdBeforeProduct(network.detector), facts, tmp_path / "any.onnx")
    fix_size(tmp_path / "any.onnx", size, tmp_path / "faulty.onnx")
    write_ir(tmp_path / "any.onnx", size, facts, tmp_path / "faulty.xml", fp16=False)
    models = [tmp_path / name for name in ("low.pth", "faulty.onnx", "faulty.xml")]
    pairs = check_parity(models, two_images).pairs
    assert len(pairs) == 2
    for pair in pairs:
        assert not pair.agree, "the error was not reported"
        assert any("below the threshold of 0.02" in reason for reason in pair.reasons)


def test_two_models_that_detect_nothing_do_not_agree(
    exported: dict[str, Path], two_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(exported["fp32"])
    between(boxes_and_scores(model)[1], lambda scores: ops.multiply(scores, np.float32(0)))
    ov.serialize(model, tmp_path / "blind.xml")
    (pair,) = check_parity([tmp_path / "blind.xml"] * 2, two_images).pairs
    assert not pair.agree
    assert "no matched boxes with a score above 0.05: nothing to compare" in pair.reasons[0]


def test_the_same_weights_agree_before_and_after_nms(
    exported: dict[str, Path], trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    models = [trained / "best.pth", exported["onnx"]]
    options = ["--reference", exported["fp32"], "--images", unseen_images, "--report", tmp_path]
    done = CliRunner().invoke(main, ["parity", *map(str, [*models, *options])])
    assert done.exit_code == 0, done.output
    assert "best.pth before NMS" in done.output
    assert "NCHW, the model subtracts the mean" in done.output
    written = json.loads((tmp_path / "parity.json").read_text())
    assert [level["stride"] for level in written["pairs"][0]["levels"]] == [4, 8, 16, 32, 64]
    assert len(written["interfaces"]) == 3
    assert "Before NMS, all anchors" in (tmp_path / "parity.html").read_text()


def test_an_error_on_one_level_is_reported_with_its_stride(
    exported: dict[str, Path], trained: Path, unseen_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(exported["fp32"])
    convolutions = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    (conv,) = (node for node in convolutions if node.get_output_shape(0)[1:3] == [4, SIZE // 16])  # boxes of stride 16
    weight = conv.input_value(1).get_node().data
    conv.input(1).replace_source_output(ops.constant(np.float32(weight * 1.1)).output(0))
    ov.serialize(model, tmp_path / "faulty.xml")
    (pair,) = check_parity([tmp_path / "faulty.xml"], unseen_images, reference=trained / "best.pth").pairs
    before = [reason for reason in pair.reasons if reason.startswith("before NMS")]
    assert len(before) == 1
    assert before[0].startswith("before NMS, stride 16: ")


def test_a_model_with_a_damaged_network_description_is_refused(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    model = core().read_model(exported["fp32"])
    model.set_rt_info("{", ["facedet", "network"])
    ov.serialize(model, tmp_path / "damaged.xml")
    with pytest.raises(UserError, match=r"damaged\.xml: the description of its network is damaged"):
        check_parity([tmp_path / "damaged.xml"], unseen_images, reference=exported["fp32"])


def test_a_reference_needs_a_model_that_states_its_levels(
    exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    text = exported["fp32"].read_text()
    (tmp_path / "plain.xml").write_text(re.sub("<facedet>.*</facedet>", "", text, flags=re.DOTALL))
    shutil.copy(exported["fp32"].with_suffix(".bin"), tmp_path / "plain.bin")
    with pytest.raises(UserError, match="--reference: no model states its levels; add a checkpoint of this project"):
        check_parity([tmp_path / "plain.xml"], unseen_images, reference=tmp_path / "plain.xml")


def test_parity_needs_two_models(exported: dict[str, Path], unseen_images: Path) -> None:
    with pytest.raises(UserError, match="parity compares two or more models, the reference first"):
        check_parity([exported["onnx"]], unseen_images)
