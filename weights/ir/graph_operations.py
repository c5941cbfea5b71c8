"""The operations of a detector's OpenVINO graph, with the constants that stand there."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov

from facedet.core.weights.ir.graph import value
from facedet.core.weights.ir.operations import Mismatch, Operation


@dataclass
class Constants:
    """The constants at a convolution or a group norm: `weight`, if it is a convolution's; then, per channel, what its
    output is multiplied with and what is added; `statistics` if a batch norm still stands there."""

    weight: Any = None
    scale: Any = 1.0
    shift: Any = 0.0
    statistics: dict[str, np.ndarray] | None = None


@dataclass
class Graph:
    """Places in an order of computation, the image first; image: where the first convolution reads it.

    convolutions: how many the whole graph holds.
    """

    operations: list[Operation]
    image: ov.Output
    convolutions: int


def graph_operations(model: ov.Model) -> Graph:
    """Walk the graph from its input to the last operation that is a network's. Raises Mismatch without one."""
    nodes = model.get_ordered_ops()
    convolutions = [node for node in nodes if node.get_type_name() == "Convolution"]
    if not convolutions:
        raise Mismatch("it holds no convolution")
    image = convolutions[0].input_value(0)
    listed = [Operation("image")]
    operations = {image.get_node().get_name(): listed[0]}
    for node in nodes:
        if node.get_type_name() == "Constant" or node.get_name() in operations:
            continue
        inputs = [operations.get(port.get_source_output().get_node().get_name()) for port in node.inputs()]
        operation = _place(node, inputs)
        if operation is not None:
            operations[node.get_name()] = operation
            if operation not in inputs:
                listed.append(operation)
    return Graph(listed, image, len(convolutions))


_KINDS = {"Relu": "relu", "MaxPool": "pool", "Interpolate": "upsample"}


def _place(node: ov.Node, inputs: list[Operation | None]) -> Operation | None:
    """The operation at a node: a new one, or the one of an input that absorbs the node; None outside the network."""
    kind = node.get_type_name()
    first = next((operation for operation in inputs if operation is not None), None)
    if first is None:
        return None
    if kind == "Convolution":
        weight = value(node.input(1))
        how = node.get_attributes()
        shape = tuple(node.input(1).get_shape()), tuple(how["strides"]), tuple(how["pads_begin"])
        return Operation("conv", shape, [first], Constants(weight)) if weight is not None else None
    if kind in _KINDS:
        return Operation(_KINDS[kind], (), [first])
    if kind == "Concat" and None not in inputs and node.get_attributes()["axis"] == 1:
        return Operation("concat", (), [operation for operation in inputs if operation is not None])
    if kind == "Add" and None not in inputs:
        return Operation("add", (), [operation for operation in inputs if operation is not None])
    if kind in ("Add", "Multiply", "BatchNormInference"):
        return _affine(node, first)
    if kind == "MVN":
        return Operation("norm", (node.get_output_shape(0)[1],), [first], Constants())
    if kind == "Reshape" and (first.kind == "norm" or _leads_to_norm(node)):
        return first
    return first if kind == "Convert" else None


def _affine(node: ov.Node, operation: Operation) -> Operation | None:
    """Absorb a multiplication or an addition, per channel, into the convolution or norm before it."""
    constants = [c for c in map(value, node.inputs()) if c is not None]
    if not constants:
        return None
    if operation.kind not in ("conv", "norm") or operation.content.statistics or not _per_channel(node, constants[0]):
        return Operation("affine", (), [operation])
    held, factor = operation.content, constants[0].reshape(-1)
    if node.get_type_name() == "BatchNormInference":
        gamma, beta, mean, variance = constants
        epsilon = node.get_attributes()["epsilon"]
        held.statistics = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance}
        held.statistics["epsilon"] = np.float32(epsilon)
    elif node.get_type_name() == "Multiply":
        held.scale, held.shift = held.scale * factor, held.shift * factor
    else:
        held.shift = held.shift + factor
    return operation


def _per_channel(node: ov.Node, constant: np.ndarray) -> bool:
    channels = node.get_output_partial_shape(0)[1]
    fits = constant.ndim < 4 or constant.shape[1] == constant.size  # [1, C, 1, 1], or a batch norm's [C]
    return constant.size == 1 or (fits and channels.is_static and constant.size == channels.get_length())


def _leads_to_norm(node: ov.Node) -> bool:
    users = [port.get_node() for port in node.output(0).get_target_inputs()]
    return all(u.get_type_name() == "MVN" or (u.get_type_name() == "Reshape" and _leads_to_norm(u)) for u in users)
