"""Sessions of every format: rows, and the stored precision of an ONNX file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers.short import SIZE

from facedet.data.image import read_image, to_tensor
from facedet.data.structures import Detections
from facedet.inference.session import open_session, to_detections
from facedet.weights.ir.graph import read_model, stored_precision


def test_rows_are_sorted_above_the_threshold_and_then_zero(exported: dict[str, Path], unseen_images: Path) -> None:
    for format in ("onnx", "fp32"):
        session = open_session(exported[format])
        for path in unseen_images.iterdir():
            rows = session.run(to_tensor(read_image(path), (SIZE, SIZE)))
            count = int((rows[:, 4] > 0).sum())
            assert rows.shape == (750, 6)
            assert (np.diff(rows[:count, 4]) <= 0).all()
            assert (rows[:count, 4] > 0.02).all()
            assert not rows[count:].any()
            assert ((rows[:, :4] >= 0) & (rows[:, :4] <= SIZE)).all()


def test_zero_rows_are_dropped() -> None:
    rows = np.array([[1, 2, 3, 4, 0.5, 0], [0, 0, 0, 0, 0, 0]], np.float32)
    found = to_detections(rows)
    assert isinstance(found, Detections)
    assert found.boxes.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(("precision", "constants"), [("f32", False), ("f16", False), ("f16", True)])
def test_the_stored_precision_of_an_onnx_file(
    precision: str, constants: bool, exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    path = exported["onnx"] if precision == "f32" else tmp_path / "half.onnx"
    if precision == "f16":
        write_half(exported["onnx"], path, constants)
    session = open_session(path)
    assert session.weights == stored_precision(read_model(path)) == precision
    assert session.run(to_tensor(read_image(next(unseen_images.iterdir())), (SIZE, SIZE)))[:, 4].any()
    original = open_session(exported["onnx"])
    assert (session.threshold, session.strides) == (original.threshold, original.strides) == (0.02, [4, 8, 16, 32, 64])


def write_half(source: Path, path: Path, constants: bool) -> None:
    """Store the weights of an ONNX file in float16, as initializers or as Constant nodes, each cast to float32."""
    model = onnx.load(source)
    floats = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    for position, tensor in enumerate(floats):
        half = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        stored = onnx.numpy_helper.from_array(half, f"{tensor.name}_half")
        cast = onnx.helper.make_node("Cast", [stored.name], [tensor.name], to=onnx.TensorProto.FLOAT)
        model.graph.initializer.remove(tensor)
        if constants:
            model.graph.node.insert(2 * position, onnx.helper.make_node("Constant", [], [stored.name], value=stored))
            model.graph.node.insert(2 * position + 1, cast)
        else:
            model.graph.initializer.append(stored)
            model.graph.node.insert(position, cast)
    onnx.save(model, path)
