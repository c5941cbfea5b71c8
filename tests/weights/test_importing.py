"""Only graphs of this network are imported."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
from helpers.graphs import convolutions, replace_weight
from helpers.short import SIZE
from openvino import opset13 as ops

from facedet.common.errors import UserError
from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import core


def weight_of_one_level(model: ov.Model) -> None:
    conv = next(c for c in convolutions(model) if len(c.input_value(1).get_target_inputs()) == 5)
    replace_weight(conv, lambda w: w * 1.01)


def box_weight_of_one_level(model: ov.Model) -> None:
    conv = next(c for c in convolutions(model) if c.get_output_shape(0)[1] == 4)
    replace_weight(conv, lambda w: w + np.random.default_rng(0).normal(0, w.std() / 10, w.shape))


def additional_operation(model: ov.Model) -> None:
    relu = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Relu")
    users = relu.output(0).get_target_inputs()
    more = ops.tanh(relu)
    for user in users:
        user.replace_source_output(more.output(0))


def additional_convolution(model: ov.Model) -> None:
    conv = convolutions(model)[-1]
    users = conv.output(0).get_target_inputs()
    side = ops.convolution(
        ops.tanh(conv), np.ones((1, conv.get_output_shape(0)[1], 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1]
    )
    for user in users:
        user.replace_source_output(ops.add(conv, side).output(0))


def different_mean(model: ov.Model) -> None:
    node = convolutions(model)[0].input_value(0).get_node()
    constant = next(port for port in node.inputs() if port.get_source_output().get_node().get_type_name() == "Constant")
    constant.replace_source_output(ops.constant(constant.get_source_output().get_node().data + 7).output(0))


def different_decoder(model: ov.Model) -> None:
    exp = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Exp")
    exp.input(0).replace_source_output(ops.multiply(exp.input_value(0), np.float32(1.01)).output(0))


def quantised(model: ov.Model) -> None:
    conv = convolutions(model)[0]
    low, high = np.float32(-1), np.float32(1)
    conv.input(1).replace_source_output(ops.fake_quantize(conv.input_value(1), low, high, low, high, 255).output(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            weight_of_one_level,
            r"bbox_head\.\w+_convs\.\d\.conv\.weight is shared by all levels, but its values differ between them",
        ),
        (box_weight_of_one_level, r"bbox_head\.atss_reg differs between the levels by more than a scale"),
        (additional_operation, r"not the graph of this network: the network's pool is missing"),
        (additional_convolution, r"this network: it contains convolutions that the network does not have"),
        (
            different_mean,
            r"it subtracts a mean of 11\d\.\d+, .* from the image, the config 123\.675, 116\.280, 103\.530",
        ),
        (different_decoder, r"differs from the file by .* px, .* of score, allowed 0\.02 px, 5e-05 of score"),
        (quantised, r"is an INT8 file: .*; import the FP32 or FP16 file, and quantize again after training"),
    ],
)
def test_the_graph_of_another_network_is_refused(
    change: Callable[[ov.Model], None], message: str, unfolded: dict[str, Path], tmp_path: Path
) -> None:
    model = core().read_model(unfolded["fp32"])
    change(model)
    ov.serialize(model, tmp_path / "other.xml")
    with pytest.raises(UserError, match=message) as caught:
        import_weights(tmp_path / "other.xml", tmp_path / "back.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'other.xml'}: ")
    assert not (tmp_path / "back.pth").exists()


def test_a_graph_with_another_input_size_is_refused(unfolded: dict[str, Path], tmp_path: Path) -> None:
    message = (
        rf"its input is \[1,3,{SIZE},{SIZE}\], that of the config face_detection_0206 is \[1, 3, 640, 640\]; "
        "give the right one with --config"
    )
    with pytest.raises(UserError, match=message):
        import_weights(unfolded["fp32"], tmp_path / "back.pth", config="face_detection_0206")
    with pytest.raises(UserError, match=r"back: not the name of a checkpoint; give a name that ends in \.pth"):
        import_weights(unfolded["fp32"], tmp_path / "back")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.xml", "no such file or folder"),
        ("x.bin", r"neither a snapshot .*; give x\.xml"),
        ("garbage.onnx", "cannot be read by OpenVINO"),
        ("garbage.xml", "cannot be read by OpenVINO"),
    ],
)
def test_a_file_that_is_not_a_graph_is_refused(name: str, message: str, tmp_path: Path) -> None:
    for file in ("x.bin", "garbage.onnx", "garbage.xml", "garbage.bin"):
        (tmp_path / file).write_bytes(b"garbage")
    with pytest.raises(UserError, match=message):
        import_weights(tmp_path / name, tmp_path / "out.pth")


def test_a_graph_that_describes_a_network_that_does_not_fit_together_is_refused(
    unfolded: dict[str, Path], tmp_path: Path
) -> None:
    model = onnx.load(unfolded["onnx"])
    network = next(each for each in model.metadata_props if each.key == "facedet_network")
    assert '"in_channels": [64, 128, 256, 512]' in network.value
    network.value = network.value.replace('"in_channels": [64, 128, 256, 512]', '"in_channels": [64, 128, 256, 500]')
    onnx.save(model, tmp_path / "x.onnx")
    with pytest.raises(UserError, match=r"x\.onnx: its network cannot run"):
        import_weights(tmp_path / "x.onnx", tmp_path / "x.pth")
