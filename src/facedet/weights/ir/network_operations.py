"""List the operations of a detector's network, with the names of their parameters."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from facedet.detector.model import Detector
from facedet.weights.ir.operations import Mismatch, Operation

_KINDS = {
    "relu": "relu", "hardtanh": "clamp", "add": "add", "cat": "concat", "max_pool2d": "pool",
    "upsample_nearest2d": "upsample", "group_norm": "norm",
}  # fmt: skip


@dataclass
class ParameterNames:
    """The parameters of a convolution or a group normalization.

    weight, bias: of the operation itself. norm: the batch normalization module after it. scale: the parameter that its
    output is multiplied by.
    """

    weight: str
    bias: str = ""
    norm: str = ""
    scale: str = ""

    @property
    def module(self) -> str:
        return self.weight.removesuffix(".weight")


class _UpToHead(nn.Module):
    # from the preprocessed image to the outputs of the head's convolutions
    def __init__(self, detector: Detector):
        super().__init__()
        self.detector: Any = detector

    def forward(self, image: torch.Tensor) -> Any:
        net = self.detector
        return net.bbox_head(net.neck(net.backbone(image)))


def network_operations(detector: Detector, size: int) -> list[Operation]:
    """List the operations of the network in topological order, the preprocessed image first.

    Raises Mismatch for an operation that `graph_operations` does not know.
    """
    network = _UpToHead(copy.deepcopy(detector).eval().to("meta"))
    with torch.no_grad():
        program = torch.export.export(network, (torch.empty(1, 3, size, size, device="meta"),))
    signature = program.graph_signature
    tensors = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    parameters = {key: name.removeprefix("detector.") for key, name in tensors.items()}
    image = Operation("image")
    operations, by_node = [image], {signature.user_inputs[0]: image}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        function = node.target.__name__.split(".")[0].rstrip("_")
        arguments = [a.name for a in (node.args[0] if function == "cat" else node.args) if isinstance(a, torch.fx.Node)]
        inputs = [by_node[name] for name in arguments if name in by_node]
        names = [parameters[name] for name in arguments if name in parameters]
        if function in ("batch_norm", "to") or (function == "mul" and names):
            operation = _include(inputs[0], function, names)
        elif function == "conv2d":
            operation = Operation("conv", _convolution_shape(node), inputs, ParameterNames(*names))
        elif function in _KINDS:
            content = ParameterNames(*names) if names else None
            operation = Operation(_KINDS[function], _settings(node, function), inputs, content)
        elif inputs and not function.startswith("_assert"):  # torch's checks of tensor metadata
            raise Mismatch(f"it computes '{function}'")
        else:
            continue
        if operation not in inputs:
            operations.append(operation)
        by_node[node.name] = operation
    return operations


def _convolution_shape(node: torch.fx.Node) -> tuple:
    """Weight shape, stride, padding, dilation and number of groups."""
    given: list = list(node.args[3:7])  # torch omits default values
    stride, padding, dilation, groups = given + [[1, 1], [0, 0], [1, 1], 1][len(given) :]
    weight: Any = node.args[1]
    return tuple(weight.meta["val"].shape), tuple(stride), tuple(padding), tuple(dilation), groups


def _settings(node: torch.fx.Node, function: str) -> tuple:
    """The number of groups of a group normalization, or the limits of a clamp."""
    if function == "group_norm":
        return node.args[1:2]
    return node.args[1:3] if function == "hardtanh" else ()


def _include(operation: Operation, function: str, names: list[str]) -> Operation:
    if function == "batch_norm":
        operation.content.norm = names[0].removesuffix(".weight")
    elif function == "mul":
        operation.content.scale = names[0]
    return operation
