"""An exported ONNX file: its interface, and zero rows after the last detection."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from helpers.graphs import add_to_initializer
from helpers.short import SIZE

from facedet.data.image import read_image, to_tensor
from facedet.weights.ir.graph import core


def test_an_onnx_file_has_the_published_interface_and_is_valid(exported: dict[str, Path], unseen_images: Path) -> None:
    onnx.checker.check_model(str(exported["onnx"]), full_check=True)
    session = onnxruntime.InferenceSession(exported["onnx"])
    (image,) = session.get_inputs()
    assert (image.name, image.shape, image.type) == ("input", [1, 3, SIZE, SIZE], "tensor(float)")
    outputs = {o.name: (o.shape, o.type) for o in session.get_outputs()}
    assert outputs == {"boxes": ([750, 5], "tensor(float)"), "labels": ([750], "tensor(int64)")}
    boxes, labels = session.run(None, {"input": to_tensor(read_image(next(unseen_images.iterdir())), (SIZE, SIZE))})
    assert boxes.any()
    assert not labels.any()


def test_an_image_without_detections_gives_zero_rows(unfolded: dict[str, Path], tmp_path: Path) -> None:
    model = onnx.load(unfolded["onnx"])
    add_to_initializer(model, "detector.bbox_head.atss_cls.bias", -50)  # no score reaches the threshold
    onnx.save(model, tmp_path / "blind.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "blind.onnx")
    boxes, labels = session.run(None, {"input": np.full((1, 3, SIZE, SIZE), 127, np.float32)})
    assert (boxes.shape, labels.shape) == ((750, 5), (750,))
    assert not boxes.any()
    compiled = core().compile_model(tmp_path / "blind.onnx", "CPU")
    assert len(compiled(np.zeros((1, 3, SIZE, SIZE), np.float32))[0]) == 750
