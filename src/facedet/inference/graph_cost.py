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
    """Count a detector's graph for an input of `size` x `size`, whose number of images is fixed."""
    images = model.input(0).partial_shape[0].get_length()
    count = GraphCost(flops=card.INPUT * images * 3 * size**2)
    behind: dict[str, ov.Node] = {}  # by node: the constant behind it, through conversions and decompression
    pixels: set[str] = set()  # nodes with only the preprocessing of the image between them and the model's input
    fixed: set[str] = set()  # nodes that depend on the size of the image only: computed when the graph is compiled
    for node in model.get_ordered_ops():
        name, kind = node.get_name(), node.get_type_name()
        sources = [value.get_node().get_name() for value in node.input_values()]
        variable = [source for source in sources if source not in behind and source not in fixed]
        constants = [behind[source] for source in sources if source in behind]
        if kind == "Parameter" or (kind in _PREPROCESSING and variable and variable[0] in pixels):
            pixels.add(name)
        if kind == "Constant":
            count.stored += _floats(node)
            behind[name] = node
            continue
        first = behind.get(sources[0]) if sources else None
        if first and (kind in _OF_ONE or (kind in ("Multiply", "Subtract") and not variable)):
            behind[name] = first
        if kind == "ShapeOf" or (sources and not variable):
            if name not in behind:  # else part of the decompression of a weight
                fixed.add(name)
            continue
        count.card += _card_parameters(node, constants, bool(first), name in pixels)
        count.flops += _flops(node, constants)
    count.flops //= max(images, 1)
    return count


_PREPROCESSING = ("Add", "Multiply", "Subtract", "Divide", "Gather", "Convert")
_OF_ONE = ("Convert", "Reshape", "FakeQuantize")  # a constant behind the first input is behind their output


def _card_parameters(node: ov.Node, constants: list[ov.Node], of_constant: bool, is_image: bool) -> int:
    """constants: behind the inputs. of_constant: whether one is behind the first input."""
    kind = node.get_type_name()
    if kind in CONVOLUTIONS or kind == "BatchNormInference":  # the latter only in ONNX; in an IR it is folded
        return _floats(constants[0]) if constants else 0
    if kind == "NonMaxSuppression":
        return 8 * math.prod(_shape(node.input_value(0))[1:2])  # the clip bounds of every anchor
    if kind == "Divide" and of_constant:  # the scale of group normalization in a folded export
        return _floats(constants[0])
    # biases, and scale and shift of group normalization; mean and std of the input are not parameters
    if kind in ("Add", "Multiply") and constants and _is_feature_map(node) and not is_image:
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
    if kind in CONVOLUTIONS:  # weights [outputs, inputs, ...]; of groups [groups, outputs, inputs of a group, ...]
        return 2 * elements * math.prod(_shape(node.input_value(1))[2 if kind == "GroupConvolution" else 1 :])
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
    return len(_shape(node.output(0))) == 4


def _floats(node: ov.Node) -> int:
    kind = node.get_element_type()
    return math.prod(node.get_output_shape(0)) if kind.is_real() or kind == ov.Type.i8 else 0  # i8: quantized weights


def _elements(port: ov.Output) -> int:
    return math.prod(_shape(port)) if port.get_partial_shape().is_static else 0


def _shape(port: ov.Output) -> list[int]:
    """The shape of a port; 0 for a dimension that is not fixed."""
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else 0 for dimension in shape]
