"""List the operations of a detector's OpenVINO graph, with their constants."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

from facedet.weights.ir.graph import CONVOLUTIONS, constant_value
from facedet.weights.ir.operations import Mismatch, Operation


@dataclass
class Constants:
    """The constants of a convolution or a group normalization.

    weight: of a convolution. scale, shift: per channel, what its output is multiplied by and what is then added.
    batch_norm: the parameters of a batch normalization after the convolution, if conversion did not fold it.
    """

    weight: Any = None
    scale: Any = 1.0
    shift: Any = 0.0
    batch_norm: dict[str, np.ndarray] | None = None


@dataclass
class Graph:
    """operations: of the network, in topological order, the image first. image: the input of the first convolution.

    convolutions: their number in the whole graph.
    """

    operations: list[Operation]
    image: ov.Output
    convolutions: int


def graph_operations(model: ov.Model) -> Graph:
    """List the network's operations in a graph, from its input on. Raises Mismatch if there is no convolution."""
    nodes = model.get_ordered_ops()
    convolutions = [node for node in nodes if node.get_type_name() in CONVOLUTIONS]
    reading, to_norm = _reading_input(nodes), _leading_to_norm(nodes)
    image = next((node.input_value(0) for node in convolutions if _source(node.input(0)) in reading), None)
    if image is None:
        raise Mismatch("it contains no convolution")
    operations = [Operation("image")]
    by_node = {image.get_node().get_name(): operations[0]}
    for node in nodes:
        if node.get_type_name() == "Constant" or node.get_name() in by_node:
            continue
        inputs = [by_node.get(_source(port)) for port in node.inputs()]
        operation = _operation_at(node, inputs, node.get_name() in to_norm)
        if operation is not None:
            by_node[node.get_name()] = operation
            if operation not in inputs:
                operations.append(operation)
    return Graph(operations, image, len(convolutions))


def _reading_input(nodes: list[ov.Node]) -> set[str]:
    """The names of the nodes that depend on the model's input. nodes: in topological order."""
    reading: set[str] = set()
    for node in nodes:
        if node.get_type_name() == "Parameter" or any(_source(port) in reading for port in node.inputs()):
            reading.add(node.get_name())
    return reading


def _leading_to_norm(nodes: list[ov.Node]) -> set[str]:
    """The names of the nodes that only normalizations read, perhaps through reshapes. nodes: in topological order."""
    leading: set[str] = set()
    for node in reversed(nodes):
        users = [port.get_node() for out in node.outputs() for port in out.get_target_inputs()]
        kinds = [(user.get_type_name(), user.get_name() in leading) for user in users]
        if all(kind == "MVN" or (kind == "Reshape" and leads) for kind, leads in kinds):
            leading.add(node.get_name())
    return leading


def _source(port: ov.Input) -> str:
    return port.get_source_output().get_node().get_name()


_KINDS = {"Relu": "relu", "MaxPool": "pool", "Interpolate": "upsample"}


def _operation_at(node: ov.Node, inputs: list[Operation | None], leads_to_norm: bool) -> Operation | None:
    """The operation of a node: a new one, or the input's operation that includes the node. None outside the network."""
    kind = node.get_type_name()
    known = [operation for operation in inputs if operation is not None]
    if not known:
        return None
    first = known[0]
    if kind in CONVOLUTIONS:
        return _convolution(node, first)
    if kind == "Clamp":
        limits = node.get_attributes()
        return Operation("clamp", (limits["min"], limits["max"]), [first])
    if kind in _KINDS:
        return Operation(_KINDS[kind], (), [first])
    if kind == "Concat" and None not in inputs and node.get_attributes()["axis"] == 1:
        return Operation("concat", (), known)
    if kind == "Add" and None not in inputs:
        return Operation("add", (), known)
    if kind in ("Add", "Multiply", "BatchNormInference"):
        return _affine(node, first)
    if kind == "MVN":
        return Operation("norm", (node.get_output_shape(0)[1],), [first], Constants())
    if kind == "Reshape" and (first.kind == "norm" or leads_to_norm):
        return first
    return first if kind == "Convert" else None


def _convolution(node: ov.Node, operation: Operation) -> Operation | None:
    """The convolution after an operation; None if its weight is not constant."""
    weight, attributes, groups = constant_value(node.input(1)), node.get_attributes(), 1
    if weight is None:
        return None
    if node.get_type_name() == "GroupConvolution":  # weights [groups, outputs of a group, inputs of a group, ...]
        groups, weight = len(weight), weight.reshape(-1, *weight.shape[2:])
    stride, padding, dilation = (tuple(attributes[key]) for key in ("strides", "pads_begin", "dilations"))
    if tuple(attributes["pads_end"]) != padding:
        raise Mismatch("it pads a convolution differently on opposite sides")
    shape = weight.shape, stride, padding, dilation, groups
    return Operation("conv", shape, [operation], Constants(weight))


def _affine(node: ov.Node, operation: Operation) -> Operation | None:
    """Include a per-channel multiplication or addition in the convolution or normalization before it."""
    values = [value for value in map(constant_value, node.inputs()) if value is not None]
    if not values:
        return None
    if operation.kind not in ("conv", "norm") or operation.content.batch_norm or not _per_channel(node, values[0]):
        return Operation("affine", (), [operation])
    constants, value = operation.content, values[0].reshape(-1)
    if node.get_type_name() == "BatchNormInference":
        gamma, beta, mean, variance = values
        epsilon = np.float32(node.get_attributes()["epsilon"])
        constants.batch_norm = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
        constants.batch_norm["epsilon"] = epsilon
    elif node.get_type_name() == "Multiply":
        constants.scale, constants.shift = constants.scale * value, constants.shift * value
    else:
        constants.shift = constants.shift + value
    return operation


def _per_channel(node: ov.Node, constant: np.ndarray) -> bool:
    channels = node.get_output_partial_shape(0)[1]
    fits = constant.ndim < 4 or constant.shape[1] == constant.size  # [1, C, 1, 1], or [C] of batch normalization
    return constant.size == 1 or (fits and channels.is_static and constant.size == channels.get_length())
