"""The parts of an exported graph, found by its structure: before, in and after the network's convolutions."""

import numpy as np
import openvino as ov

from facedet.weights.ir.graph import CONVOLUTIONS


def convolutions(model: ov.Model) -> list[ov.Node]:
    """The convolutions of the network, in topological order; not those that read only constants or only add taps."""
    return [node for node in _on_the_image(model) if not _adds_taps(node)]


def last_convolutions(model: ov.Model) -> list[ov.Node]:
    """The convolutions that no other follows: classes, boxes and centerness of each level."""
    followed = _before_a_convolution(model)
    return [node for node in convolutions(model) if node.get_friendly_name() not in followed]


def sums_of_taps(model: ov.Model) -> list[ov.Node]:
    """The convolutions that only add what the last ones of a folded network computed, see export/fold.py."""
    return [node for node in _on_the_image(model) if _adds_taps(node)]


def outside_network(model: ov.Model) -> list[str]:
    """Names of the operations before the first convolution and after the last ones, except the biases of the latter.

    They normalise the image, add taps, decode boxes, multiply scores and run NMS.
    """
    followed, last, sums = _before_a_convolution(model), _names(last_convolutions(model)), _names(sums_of_taps(model))
    before: set[str] = set()
    names = []
    for node in model.get_ordered_ops():
        kind, name, sources = node.get_type_name(), node.get_friendly_name(), _sources(node)
        if kind == "Parameter" or (kind not in (*CONVOLUTIONS, "ShapeOf") and before & sources):
            before.add(name)
        if kind in ("Parameter", "Constant", "Result") or (kind == "Add" and last & sources):
            continue
        if kind in CONVOLUTIONS and name not in sums:
            continue
        if name in before or name not in followed:
            names.append(name)
    return names


def group_normalizations(model: ov.Model) -> list[str]:
    """Names of the operations of a folded network's group normalizations (see export/group_norm.py), without biases."""
    centered = [node.input_value(0) for node in model.get_ops() if node.get_type_name() == "ReduceL2"]
    names = {port.get_node().get_friendly_name() for tensor in centered for port in tensor.get_target_inputs()}
    found, values = [], _from_the_image(model)
    for node in reversed(model.get_ordered_ops()):
        if node.get_friendly_name() in names & values and node.get_type_name() not in CONVOLUTIONS:
            found.append(node.get_friendly_name())
            names |= _sources(node)
    return found


def _before_a_convolution(model: ov.Model) -> set[str]:
    inside, names = _names(convolutions(model)), set[str]()
    for node in reversed(model.get_ordered_ops()):
        if node.get_friendly_name() in inside or node.get_friendly_name() in names:
            names |= _sources(node)
    return names


def _on_the_image(model: ov.Model) -> list[ov.Node]:
    values = _from_the_image(model)
    return [n for n in model.get_ordered_ops() if n.get_type_name() in CONVOLUTIONS and n.get_friendly_name() in values]


def _from_the_image(model: ov.Model) -> set[str]:
    """Names of the operations that compute with values of the image, not only with its size."""
    names: set[str] = set()
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Parameter" or (kind != "ShapeOf" and names & _sources(node)):
            names.add(node.get_friendly_name())
    return names


def _adds_taps(convolution: ov.Node) -> bool:
    """Whether each input channel has one weight that is not zero, which takes it to one output and one place."""
    if convolution.get_type_name() == "GroupConvolution":
        return False
    weights = convolution.input_value(1).get_node()
    while weights.get_type_name() == "Convert":
        weights = weights.input_value(0).get_node()
    outputs, inputs, *kernel = convolution.input_value(1).get_shape()
    if weights.get_type_name() != "Constant" or inputs != outputs * kernel[0] * kernel[1] or kernel == [1, 1]:
        return False
    return bool((np.count_nonzero(weights.data, axis=(0, 2, 3)) == 1).all())


def _names(nodes: list[ov.Node]) -> set[str]:
    return {node.get_friendly_name() for node in nodes}


def _sources(node: ov.Node) -> set[str]:
    return {port.get_node().get_friendly_name() for port in node.input_values()}
