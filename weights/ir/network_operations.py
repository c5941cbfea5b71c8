"""The operations of a detector's network, with the names of the parameters that stand there."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from facedet.core.detector.model import Detector
from facedet.core.weights.ir.operations import Operation

_KINDS = {
    "relu": "relu", "add": "add", "cat": "concat", "max_pool2d": "pool", "upsample_nearest2d": "upsample",
    "group_norm": "norm",
}  # fmt: skip


@dataclass
class ParameterNames:
    """The parameters at a convolution or a group norm: `weight`, `bias` (of itself), `norm` (the batch norm module
    after it), `scale` (what its output is multiplied with)."""

    weight: str
    bias: str = ""
    norm: str = ""
    scale: str = ""

    @property
    def module(self) -> str:
        return self.weight.removesuffix(".weight")


class _Raw(nn.Module):
    # from the preprocessed image to the head's maps
    def __init__(self, detector: Detector):
        super().__init__()
        self.detector: Any = detector

    def forward(self, image: torch.Tensor) -> Any:
        net = self.detector
        return net.bbox_head(net.neck(net.backbone(image)))


def network_operations(detector: Detector, size: int) -> list[Operation]:
    """The operations of the network, in an order of computation, the preprocessed image first."""
    network = _Raw(copy.deepcopy(detector).eval().to("meta"))
    with torch.no_grad():
        program = torch.export.export(network, (torch.empty(1, 3, size, size, device="meta"),))
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names = {key: name.removeprefix("detector.") for key, name in names.items()}
    image = Operation("image")
    listed, operations = [image], {signature.user_inputs[0]: image}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        name = node.target.__name__.split(".")[0].rstrip("_")
        arguments = node.args[0] if name == "cat" else node.args
        inputs = [operations[a.name] for a in arguments if isinstance(a, torch.fx.Node) and a.name in operations]
        tensors = [names[a.name] for a in arguments if isinstance(a, torch.fx.Node) and a.name in names]
        if name in ("batch_norm", "mul", "to"):
            operation = _absorb(inputs[0], name, tensors)
        elif name == "conv2d":
            given = list(node.args[3:5])  # torch leaves out what is the default
            stride, padding = given + [[1, 1], [0, 0]][len(given) :]
            shape = tuple(node.args[1].meta["val"].shape)
            operation = Operation("conv", (shape, tuple(stride), tuple(padding)), inputs, ParameterNames(*tensors))
        elif name in _KINDS:
            groups = (node.args[1],) if name == "group_norm" else ()
            operation = Operation(_KINDS[name], groups, inputs, ParameterNames(*tensors) if tensors else None)
        else:
            continue  # torch's checks of a tensor's kind
        if operation not in inputs:
            listed.append(operation)
        operations[node.name] = operation
    return listed


def _absorb(operation: Operation, name: str, tensors: list[str]) -> Operation:
    if name == "batch_norm":
        operation.content.norm = tensors[0].removesuffix(".weight")
    elif name == "mul":
        operation.content.scale = tensors[0]
    return operation
