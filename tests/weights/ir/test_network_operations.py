"""The operations of a network: those that a graph can be matched with, and those that cannot be recovered."""

from collections import Counter

import pytest

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.weights.ir.network_operations import network_operations
from facedet.weights.ir.operations import Mismatch


def test_depthwise_convolutions_and_relu6_are_listed() -> None:
    operations = network_operations(build_detector(load_config("small")), 64)
    groups = Counter(operation.shape[4] > 1 for operation in operations if operation.kind == "conv")
    assert groups[True] == 17  # of MobileNetV2's blocks
    assert {operation.shape for operation in operations if operation.kind == "clamp"} == {(0.0, 6.0)}


@pytest.mark.parametrize(("activation", "name"), [("LeakyReLU", "leaky_relu"), ("HSwish", "hardswish")])
def test_another_activation_is_refused_by_its_name(activation: str, name: str) -> None:
    config = load_config("small")
    config.model.backbone.act_cfg = {"type": activation}
    with pytest.raises(Mismatch, match=f"^it computes '{name}'$"):
        network_operations(build_detector(config), 64)
