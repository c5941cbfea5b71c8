"""Parameters and operations of an OpenVINO graph, counted like in the published model card."""

import math
from dataclasses import dataclass

import openvino as ov

from facedet.detector import card
from facedet.weights.ir.graph import CONVOLUTIONS


@dataclass
class GraphCost:
    """stored: values of float constants. card: parameters as the card counts them. flops: for one image."""

    stored: int = 0
    card: int = 0
    flops: int = 0


def graph_cost(model: ov.Model, size: int) -> GraphCost:
    """Count a detector's graph for an input of `size` x `size`."""
    images = model.input(0).partial_shape[0].get_length()
    count = GraphCost(flops=card.INPUT * images * 3 * size**2)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Constant":
            count.stored += _floats(node)
            continue
        constants = [c for c in map(_constant, node.inputs()) if c is not None]
        if len(constants) == len(node.inputs()) > 0:
            continue  # part of the decompression of a weight
        count.card += _card_parameters(node, constants)
        count.flops += _flops(node, constants)
    count.flops //= images
    return count


def _card_parameters(node: ov.Node, constants: list[ov.Node]) -> int:
    kind = node.get_type_name()
    if kind in CONVOLUTIONS:
        return _floats(constants[0])
    if kind == "BatchNormInference":  # only in ONNX; in an IR it is folded into one bias per channel
        return _floats(constants[0])
    if kind == "NonMaxSuppression":
        return 8 * node.input(0).get_partial_shape()[1].get_length()  # the clip bounds of every anchor
    if kind == "Divide" and _constant(node.input(0)):  # the scale of group normalization in a folded export
        return _floats(constants[0])
    # biases, and scale and shift of group normalization; mean and std of the input are not parameters
    if kind in ("Add", "Multiply") and constants and _is_feature_map(node) and not _reads_input(node):
        return 0 if _adds_border_values(node) else _floats(constants[0])
    return 0


_FLOPS_PER_ELEMENT = {
    "Relu": card.RELU,
    "MVN": card.NORMALISE + card.AFFINE,
    "ReduceL2": card.NORMALISE + card.AFFINE,  # in a folded export
    "MaxPool": card.MAX_POOL,
    "Interpolate": card.UPSAMPLE,
}


def _flops(node: ov.Node, constants: list[ov.Node]) -> int:
    kind, elements = node.get_type_name(), _elements(node.output(0))
    if kind == "ReduceL2":
        elements = _elements(node.input_value(0))
    if kind == "Convolution":
        return 2 * elements * math.prod(constants[0].get_output_shape(0)[1:])
    if kind == "GroupConvolution":  # weights [groups, outputs of a group, inputs of a group, ...]
        return 2 * elements * math.prod(constants[0].get_output_shape(0)[2:])
    if kind == "Add" and not constants and _is_feature_map(node) and not _adds_border_values(node):
        return card.SUM * elements
    if kind in ("Clamp", "Minimum") and _is_feature_map(node):  # ReLU6 in an IR, its second half in ONNX
        return card.RELU * elements
    return _FLOPS_PER_ELEMENT.get(kind, 0) * elements


def _adds_border_values(node: ov.Node) -> bool:
    """Whether a folded network adds a value here that the image does not change, or its mean: export/group_norm.py."""
    readers = {port.get_node().get_type_name() for port in node.output(0).get_target_inputs()}
    sources = {port.get_node().get_type_name() for port in node.input_values()}
    return "Subtract" in readers or "ReduceMean" in sources


def _is_feature_map(node: ov.Node) -> bool:
    return len(node.get_output_partial_shape(0)) == 4


def _constant(port: ov.Input) -> ov.Node | None:
    """The constant behind a port, through conversions and the decompression of weights; None if there is none."""
    node = port.get_source_output().get_node()
    if node.get_type_name() == "Constant":
        return node
    if node.get_type_name() in ("Convert", "Reshape", "FakeQuantize"):
        return _constant(node.input(0))
    if node.get_type_name() in ("Multiply", "Subtract"):
        constants = [_constant(port) for port in node.inputs()]
        return constants[0] if all(constants) else None
    return None


def _reads_input(node: ov.Node) -> bool:
    """Whether only the preprocessing of the image lies between the model's input and this node."""
    while node.get_type_name() in ("Add", "Multiply", "Subtract", "Divide", "Gather", "Convert"):
        variable = [port for port in node.inputs() if _constant(port) is None]
        if not variable:
            return False
        node = variable[0].get_source_output().get_node()
    return node.get_type_name() == "Parameter"


def _floats(node: ov.Node) -> int:
    kind = node.get_element_type()
    return math.prod(node.get_output_shape(0)) if kind.is_real() or kind == ov.Type.i8 else 0  # i8: quantized weights


def _elements(port: ov.Output) -> int:
    shape = port.get_partial_shape()
    return math.prod(shape.to_shape()) if shape.is_static else 0
