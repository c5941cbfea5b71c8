"""NMS in the exported graph where every one of 34,100 anchors passes the threshold: bounded, and the same result."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.export.network import DeployedDetector
from facedet.export.to_ir import write_ir
from facedet.export.to_onnx import write_onnx
from facedet.weights.ir.graph import core

SIDE = 185  # of an image with one pixel for each anchor
ANCHORS = 34_100


class Scores(nn.Module):
    """In place of a head: fixed boxes, and the pixels of the first channel as scores."""

    def __init__(self, boxes: Tensor):
        super().__init__()
        self.register_buffer("boxes", boxes)
        self.test_cfg = load_config("tiny").model.test_cfg
        self.prior_generator = SimpleNamespace(strides=[(1, 1)])

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (image,)

    def dense(self, image: Tensor, shape: Any) -> tuple[Tensor, Tensor]:
        scores = torch.cat(
            [image[:, 0].flatten(1), image.new_zeros(1, ANCHORS)], dim=1
        )  # enough for an image of any size
        return self.boxes[None], scores[:, :ANCHORS]  # type: ignore[index]


class Detector(nn.Module):
    def __init__(self, boxes: Tensor):
        super().__init__()
        self.backbone, self.neck, self.bbox_head = nn.Identity(), nn.Identity(), Scores(boxes)
        self.data_preprocessor = SimpleNamespace(_channel_conversion=False, mean=0, std=1)


def released_anchors() -> Tensor:
    generator = build_detector(load_config("tiny")).bbox_head.prior_generator
    return torch.cat(generator.grid_priors([(640 // s, 640 // s) for s in (4, 8, 16, 32, 64)], device="cpu"))


def disjoint() -> Tensor:
    """NMS keeps all."""
    corner = 3 * torch.stack([torch.arange(ANCHORS) % SIDE, torch.arange(ANCHORS) // SIDE], dim=1).float()
    return torch.cat([corner, corner + 2], dim=1)


def one_short_of_the_limit() -> Tensor:
    """NMS keeps 749 and compares all others with them: copies of the best."""
    boxes = disjoint()
    boxes[749:] = boxes[0]
    return boxes


@pytest.mark.parametrize(
    ("make", "falling", "kept"),
    [
        (released_anchors, False, 750),
        (disjoint, False, 750),
        (disjoint, True, 750),
        (one_short_of_the_limit, True, 749),
    ],
)
def test_nms_ends_at_750_boxes_with_the_result_of_nms_over_all(
    make: Any, falling: bool, kept: int, tmp_path: Path
) -> None:
    network: Any = DeployedDetector(Detector(make()))  # type: ignore[arg-type]
    image = torch.zeros(1, 3, SIDE, SIDE)
    scores = torch.linspace(1, 0.03, SIDE**2)
    image[0, 0] = (scores if falling else scores[torch.randperm(SIDE**2)]).view(SIDE, SIDE)
    expected = network(image)[0].numpy()  # torch's NMS has no limit; its first 750 are taken
    assert (expected[:, 4] > 0).sum() == kept
    write_onnx(network, {}, tmp_path / "nms.onnx")
    write_ir(tmp_path / "nms.onnx", SIDE, {}, tmp_path / "nms.xml", fp16=False)
    found = onnxruntime.InferenceSession(tmp_path / "nms.onnx").run(["boxes"], {"input": image.numpy()})[0]
    np.testing.assert_array_equal(found, expected)
    compiled = core().compile_model(tmp_path / "nms.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_array_equal(compiled(image.numpy())["boxes"], expected)
    model = core().read_model(tmp_path / "nms.xml")
    (nms,) = (node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression")
    assert nms.input_value(2).get_node().data == 750  # so it compares a box with at most 749 others
