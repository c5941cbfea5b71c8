"""ONNX files: data of one detector, or refused in one line that names what is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, helper, numpy_helper

from facedet.common.errors import UserError
from facedet.weights.onnx_file import read_onnx


def model(nodes: list, tensors: dict[str, np.ndarray] | None = None) -> ModelProto:
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("input", "boxes")]
    constants = [numpy_helper.from_array(value, name) for name, value in (tensors or {}).items()]
    return helper.make_model(helper.make_graph(nodes, "g", ports[:1], ports[1:], constants))


def relu(count: int = 1) -> list:
    return [helper.make_node("Relu", ["input"], ["boxes"])] * count


def looping() -> ModelProto:
    """A loop inside a branch."""
    body = helper.make_graph([helper.make_node("Loop", [], ["x"], body=GraphProto())], "b", [], [])
    return model([helper.make_node("If", ["input"], ["boxes"], then_branch=body, else_branch=body)])


def stored_elsewhere(location: str) -> ModelProto:
    content = model(relu(), {"weight\x1b[31m": np.zeros(3, np.float32)})
    (tensor,) = content.graph.initializer
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return content


def of_wrong_size() -> ModelProto:
    content = model(relu(), {"w": np.zeros(3, np.float32)})
    content.graph.initializer[0].dims[0] = 2**62
    return content


def in_a_constant(value: float) -> ModelProto:
    tensor = numpy_helper.from_array(np.array([value], np.float16), "half")
    return model([helper.make_node("Constant", [], ["c"], value=tensor), *relu()])


def of_a_new_type() -> ModelProto:
    content = model(relu(), {"w": np.zeros(3, np.float32)})
    content.graph.initializer[0].data_type = 99
    return content


def of_version(number: int) -> ModelProto:
    content = model(relu())
    content.opset_import[0].version = number
    return content


def with_its_own_operation() -> ModelProto:
    content = model(relu())
    content.functions.append(helper.make_function("d", "f", ["a"], ["b"], [], []))
    return content


def sparse() -> ModelProto:
    content = model(relu())
    content.graph.node[0].attribute.add(name="s", type=AttributeProto.SPARSE_TENSOR)
    return content


REFUSED: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "loop": (looping, "contains Loop, which may never end"),
    "outside": (lambda: stored_elsewhere("../../etc/passwd"), r"tensor 'weight\\x1b\[31m' lies in another file"),
    "absolute": (lambda: stored_elsewhere("/dev/zero"), "lies in another file; save it as one file"),
    "size": (of_wrong_size, "damaged: its tensor 'w' does not have the size that it states"),
    "nan": (lambda: model(relu(), {"w": np.array([1, np.nan], np.float32)}), "tensor 'w' has values that are not fin"),
    "infinite": (lambda: in_a_constant(np.inf), "tensor 'half' has values that are not finite"),
    "type": (of_a_new_type, "damaged: its tensor 'w' has a type that ONNX does not have"),
    "new": (lambda: of_version(2**31), "has version 2147483648 of the operators, which does not exist"),
    "old": (lambda: of_version(-1), "has version -1 of the operators, which does not exist"),
    "functions": (with_its_own_operation, "defines operations of its own"),
    "sparse": (sparse, "stores sparse tensors"),
    "many": (lambda: model(relu(20_001)), "has more than 20000 operations"),
    "nothing": (ModelProto, "contains no operation"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_detector_is_refused(kind: str, tmp_path: Path) -> None:
    make, message = REFUSED[kind]
    (tmp_path / "x.onnx").write_bytes(make().SerializeToString())
    with pytest.raises(UserError, match=message) as caught:
        read_onnx(tmp_path / "x.onnx")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1\n", b"\xff" * 50])
def test_other_files_are_no_onnx_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.onnx: not an ONNX model"):
        read_onnx(tmp_path / "x.onnx")


def test_text_that_is_no_text_is_damaged(tmp_path: Path) -> None:
    content = model(relu())
    onnx.helper.set_model_props(content, {"facedet_network": "NETWORK"})
    (tmp_path / "x.onnx").write_bytes(content.SerializeToString().replace(b"NETWORK", b"NET\xff\xfeRK"))
    with pytest.raises(UserError, match="a text in its metadata is not UTF-8"):
        read_onnx(tmp_path / "x.onnx")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.onnx")
    with pytest.raises(UserError, match="no such file"):
        read_onnx(tmp_path / "x.onnx")
