"""The places of a detector's network, with the names of the parameters that stand there."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from detector.model import Detector
from weights.places import Place

_KINDS = {
    "relu": "relu", "add": "add", "cat": "concat", "max_pool2d": "pool", "upsample_nearest2d": "upsample",
    "group_norm": "norm",
}  # fmt: skip


@dataclass
class Names:
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


def network_places(detector: Detector, size: int) -> list[Place]:
    """The places of the network, in an order of computation, the preprocessed image first."""
    network = _Raw(copy.deepcopy(detector).eval().to("meta"))
    with torch.no_grad():
        program = torch.export.export(network, (torch.empty(1, 3, size, size, device="meta"),))
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    names = {key: name.removeprefix("detector.") for key, name in names.items()}
    image = Place("image")
    listed, places = [image], {signature.user_inputs[0]: image}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        operation = node.target.__name__.split(".")[0].rstrip("_")
        arguments = node.args[0] if operation == "cat" else node.args
        inputs = [places[a.name] for a in arguments if isinstance(a, torch.fx.Node) and a.name in places]
        tensors = [names[a.name] for a in arguments if isinstance(a, torch.fx.Node) and a.name in names]
        if operation in ("batch_norm", "mul", "to"):
            place = _absorb(inputs[0], operation, tensors)
        elif operation == "conv2d":
            given = list(node.args[3:5])  # torch leaves out what is the default
            stride, padding = given + [[1, 1], [0, 0]][len(given) :]
            shape = tuple(node.args[1].meta["val"].shape)
            place = Place("conv", (shape, tuple(stride), tuple(padding)), inputs, Names(*tensors))
        elif operation in _KINDS:
            groups = (node.args[1],) if operation == "group_norm" else ()
            place = Place(_KINDS[operation], groups, inputs, Names(*tensors) if tensors else None)
        else:
            continue  # torch's checks of a tensor's kind
        if place not in inputs:
            listed.append(place)
        places[node.name] = place
    return listed


def _absorb(place: Place, operation: str, tensors: list[str]) -> Place:
    if operation == "batch_norm":
        place.content.norm = tensors[0].removesuffix(".weight")
    elif operation == "mul":
        place.content.scale = tensors[0]
    return place
