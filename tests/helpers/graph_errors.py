"""Errors of exports, each put into a graph."""

from collections.abc import Callable

import numpy as np
import openvino as ov
import torch
from helpers.graphs import convolutions, replace_weight
from helpers.short import LEVELS
from openvino import opset13 as ops

from facedet.detector.config import load_config


def between(output: ov.Output, change: Callable[[ov.Output], ov.Node]) -> None:
    """Let all that read an output read `change` of it."""
    readers = output.get_target_inputs()
    changed = change(output).output(0)
    for port in readers:
        port.replace_source_output(changed)


def boxes_and_scores(model: ov.Model) -> tuple[ov.Output, ov.Output]:
    """Boxes [n, 4] and scores [1, n] before NMS; the scores are the product of class and centerness."""
    (nms,) = (node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression")
    boxes, scores = (nms.input_value(k).get_node().input_value(0) for k in range(2))
    product = scores.get_node().input_value(0)
    if product.get_node().get_type_name() == "Slice":
        product = product.get_node().input_value(0)
    assert product.get_node().get_type_name() == "Multiply"
    return boxes, product


def swapped_channels(model: ov.Model) -> None:
    between(model.input(0), lambda image: ops.gather(image, np.array([2, 1, 0]), np.int64(1)))


def forgotten_mean(model: ov.Model) -> None:
    mean = np.float32(load_config("tiny").model.data_preprocessor.mean[::-1]).reshape(1, 3, 1, 1)
    between(model.input(0), lambda image: ops.add(image, mean))


def shifted_anchors(model: ov.Model) -> None:
    half = np.float32(np.repeat(np.array([4, 8, 16, 32, 64]) / 2, LEVELS))
    between(boxes_and_scores(model)[0], lambda boxes: ops.add(boxes, half[:, None]))


def sigmoid_twice(model: ov.Model) -> None:
    between(boxes_and_scores(model)[1], ops.sigmoid)


def forgotten_centerness(model: ov.Model) -> None:
    product = boxes_and_scores(model)[1].get_node()
    assert all(product.input_value(k).get_node().get_type_name() == "Sigmoid" for k in range(2))
    product.input(1).replace_source_output(ops.constant(np.ones((1, 1), np.float32)).output(0))


def bf16_weights(model: ov.Model) -> None:
    for conv in convolutions(model):
        replace_weight(conv, lambda weight: torch.from_numpy(weight).bfloat16().float().numpy())


ERRORS: dict[str, Callable[[ov.Model], None]] = {
    f.__name__: f
    for f in (swapped_channels, forgotten_mean, shifted_anchors, sigmoid_twice, forgotten_centerness, bf16_weights)
}
