"""The parts of an exported graph, found by its structure: what lies before, in and after the network's convolutions."""

import openvino as ov

_CONVOLUTION = "Convolution"


def convolutions(model: ov.Model) -> list[ov.Node]:
    """The convolutions of the network, in topological order; not those that read only constants."""
    read: set[str] = set()
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Parameter" or read & _sources(node):
            read.add(node.get_friendly_name())
    return [n for n in model.get_ordered_ops() if n.get_type_name() == _CONVOLUTION and n.get_friendly_name() in read]


def last_convolutions(model: ov.Model) -> list[ov.Node]:
    """The convolutions that no other follows: classes, boxes and centerness of each level."""
    followed = _before_a_convolution(model)
    return [node for node in convolutions(model) if node.get_friendly_name() not in followed]


def outside_network(model: ov.Model) -> list[str]:
    """Names of the operations before the first convolution and after the last ones, except the biases of the latter.

    They normalise the image, decode boxes, multiply scores and run NMS.
    """
    followed, last = _before_a_convolution(model), {node.get_friendly_name() for node in last_convolutions(model)}
    before: set[str] = set()
    names = []
    for node in model.get_ordered_ops():
        kind, name, sources = node.get_type_name(), node.get_friendly_name(), _sources(node)
        if kind == "Parameter" or (kind != _CONVOLUTION and before & sources):
            before.add(name)
        if kind in ("Parameter", "Constant", "Result", _CONVOLUTION) or (kind == "Add" and last & sources):
            continue
        if name in before or name not in followed:
            names.append(name)
    return names


def _before_a_convolution(model: ov.Model) -> set[str]:
    names: set[str] = set()
    for node in reversed(model.get_ordered_ops()):
        if node.get_type_name() == _CONVOLUTION or node.get_friendly_name() in names:
            names |= _sources(node)
    return names


def _sources(node: ov.Node) -> set[str]:
    return {port.get_node().get_friendly_name() for port in node.input_values()}
