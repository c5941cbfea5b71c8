"""What is not this network's graph, or would run something, does not come in."""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch
from helpers.graphs import convolutions, replace_weight
from openvino import opset13 as ops

from facedet.core.common.errors import UserError
from facedet.core.weights.importing import import_weights


def one_levels_weight(model: ov.Model) -> None:
    conv = next(c for c in convolutions(model) if len(c.input_value(1).get_target_inputs()) == 5)
    replace_weight(conv, lambda w: w * 1.01)


def one_levels_boxes(model: ov.Model) -> None:
    conv = next(c for c in convolutions(model) if c.get_output_shape(0)[1] == 4)
    replace_weight(conv, lambda w: w + np.random.default_rng(0).normal(0, w.std() / 10, w.shape))


def an_operation_more(model: ov.Model) -> None:
    relu = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Relu")
    users = relu.output(0).get_target_inputs()
    more = ops.tanh(relu)
    for user in users:
        user.replace_source_output(more.output(0))


def a_convolution_more(model: ov.Model) -> None:
    conv = convolutions(model)[-1]
    users = conv.output(0).get_target_inputs()
    side = ops.convolution(
        ops.tanh(conv), np.ones((1, conv.get_output_shape(0)[1], 1, 1), np.float32), [1, 1], [0, 0], [0, 0], [1, 1]
    )
    for user in users:
        user.replace_source_output(ops.add(conv, side).output(0))


def another_mean(model: ov.Model) -> None:
    node = convolutions(model)[0].input_value(0).get_node()
    constant = next(port for port in node.inputs() if port.get_source_output().get_node().get_type_name() == "Constant")
    constant.replace_source_output(ops.constant(constant.get_source_output().get_node().data + 7).output(0))


def another_decoder(model: ov.Model) -> None:
    exp = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Exp")
    exp.input(0).replace_source_output(ops.multiply(exp.input_value(0), np.float32(1.01)).output(0))


def quantised(model: ov.Model) -> None:
    conv = convolutions(model)[0]
    low, high = np.float32(-1), np.float32(1)
    conv.input(1).replace_source_output(ops.fake_quantize(conv.input_value(1), low, high, low, high, 255).output(0))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            one_levels_weight,
            r"bbox_head\.\w+_convs\.\d\.conv\.weight is shared by the levels, and not the same on each",
        ),
        (one_levels_boxes, r"bbox_head\.atss_reg differs between the levels by more than a factor"),
        (an_operation_more, r"not the graph of this network: it has not the network's pool"),
        (a_convolution_more, r"not the graph of this network: it holds convolutions besides the network's"),
        (another_mean, r"it takes a mean of 11\d\.\d+, .* off the image, the config 123\.675, 116\.280, 103\.530"),
        (another_decoder, r"computes something else: off by .* px, .* of score, allowed 0\.02 px, 5e-05 of score"),
        (quantised, r"is an INT8 file: .*; import the FP32 or FP16 file, and quantise again after training"),
    ],
)
def test_a_graph_that_is_another_is_refused(
    change: Callable[[ov.Model], None], told: str, exported: dict[str, Path], tmp_path: Path
) -> None:
    model = ov.Core().read_model(exported["fp32"])
    change(model)
    ov.serialize(model, tmp_path / "other.xml")
    with pytest.raises(UserError, match=told) as caught:
        import_weights(tmp_path / "other.xml", tmp_path / "back.pth")
    assert str(caught.value).startswith(f"{tmp_path / 'other.xml'}: ")
    assert not (tmp_path / "back.pth").exists()


def test_a_graph_of_another_size_is_refused(exported: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"takes \[1,3,320,320\], the network of face_detection_0206 \[1, 3, 640, 640\]"
    ):
        import_weights(exported["fp32"], tmp_path / "back.pth", config="face_detection_0206")
    with pytest.raises(UserError, match=r"the name of a checkpoint ends in \.pth"):
        import_weights(exported["fp32"], tmp_path / "back")


class Payload:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_an_onnx_file_with_a_torch_archive_in_it_runs_nothing(exported: dict[str, Path], tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "plain.pt2")
    spoilt = io.BytesIO(b"")
    with zipfile.ZipFile(tmp_path / "plain.pt2") as plain, zipfile.ZipFile(spoilt, "w") as archive:
        for name in plain.namelist():
            content = plain.read(name)
            if name.endswith("_weights_config.json"):
                content = content.replace(b'"use_pickle": false', b'"use_pickle": true')
            elif "/weights/" in name:
                content = pickle.dumps(Payload(tmp_path / "ran"))
            archive.writestr(name, content)
    whole = exported["onnx"].read_bytes()
    key, size = b"\xc2\x3e", len(spoilt.getvalue())  # an unknown field of bytes
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    (tmp_path / "both.onnx").write_bytes(whole + key + length + spoilt.getvalue())
    import_weights(tmp_path / "both.onnx", tmp_path / "back.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.xml", "no such file"),
        ("x.bin", r"neither a snapshot .*; give x\.xml"),
        ("garbage.onnx", "cannot read it"),
        ("garbage.xml", "cannot read it"),
    ],
)
def test_what_is_no_graph_is_told_in_one_line(name: str, told: str, tmp_path: Path) -> None:
    for each in ("x.bin", "garbage.onnx", "garbage.xml", "garbage.bin"):
        (tmp_path / each).write_bytes(b"garbage")
    with pytest.raises(UserError, match=told):
        import_weights(tmp_path / name, tmp_path / "out.pth")
