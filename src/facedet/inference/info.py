"""Describe a config, a checkpoint, an ONNX file or an IR: parameters, cost, interface, origin."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import openvino as ov

from facedet.common.errors import UserError
from facedet.detector import complexity
from facedet.detector.complexity import Card
from facedet.detector.config import config_name, load_config
from facedet.weights.checkpoint import config_from_checkpoint, read_torch_file, sha256
from facedet.weights.graph_facts import read_network
from facedet.weights.importing import ORIGIN
from facedet.weights.ir.graph import read_facts, read_model


@dataclass(frozen=True)
class Info:
    """Figures and facts of a model.

    parameters: number of trained values; for an ONNX file or an IR, of the float constants in it.
    card_million_parameters: counted as the published model card counts. gflops: for one image of `input_size`.
    bin_bytes: size of an IR's .bin.
    """

    path: str
    kind: str
    input_size: int
    parameters: int
    card_million_parameters: float
    gflops: float
    published: Card = field(default_factory=Card)
    interface: list[str] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    bin_bytes: int = 0


def describe(target: str | Path) -> Info:
    """Describe a file, or a config by its name or path. Raises UserError."""
    path = Path(target)
    if path.suffix in (".onnx", ".xml"):
        return _describe_graph(path)
    if path.suffix == ".pth":
        content = read_torch_file(path)
        config, kind = config_from_checkpoint(content, path), "checkpoint"
        origin = {"config": config_name(config), "sha256": sha256(path)}
        imported = content["meta"].get(ORIGIN)
        if isinstance(imported, dict) and isinstance(imported.get("files"), dict):
            files = ", ".join(f"{name} (sha256 {digest})" for name, digest in imported["files"].items())
            origin["imported from"] = f"{imported.get('form')} {files}"
    else:
        config, kind, origin = load_config(target), "config", {}
    size = complexity.measure(config)
    return Info(
        str(target), kind, config.input_size, size.parameters, size.card_parameters / 1e6, size.gflops, origin=origin
    )


def _describe_graph(path: Path) -> Info:
    model = read_model(path)
    kind, origin = "ONNX" if path.suffix == ".onnx" else "IR", read_facts(path, model)
    network, shape = read_network(origin, path), model.input(0).partial_shape
    origin.pop("network", None)
    if len(model.inputs) != 1 or len(shape) != 4 or (shape.is_dynamic and network is None):
        raise UserError(f"{path}: its input is not one image of fixed size; give an exported detector")
    size = network.input_size if network else shape[2].get_length()
    count = _count(model, size)
    interface = [f"input {_port(i)}" for i in model.inputs] + [f"output {_port(o)}" for o in model.outputs]
    return Info(
        str(path),
        kind,
        size,
        count.stored,
        count.card / 1e6,
        count.flops / 1e9,
        interface=interface,
        origin=origin,
        bin_bytes=path.with_suffix(".bin").stat().st_size if kind == "IR" else 0,
    )


@dataclass
class _Count:
    stored: int = 0
    card: int = 0
    flops: int = 0


def _count(model: ov.Model, size: int) -> _Count:
    images = model.input(0).partial_shape[0].get_length()
    count = _Count(flops=complexity.INPUT * images * 3 * size**2)
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
    if kind == "Convolution":
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
    "Relu": complexity.RELU,
    "MVN": complexity.NORMALISE + complexity.AFFINE,
    "ReduceL2": complexity.NORMALISE + complexity.AFFINE,  # in a folded export
    "MaxPool": complexity.MAX_POOL,
    "Interpolate": complexity.UPSAMPLE,
}


def _flops(node: ov.Node, constants: list[ov.Node]) -> int:
    kind, elements = node.get_type_name(), _elements(node.output(0))
    if kind == "ReduceL2":
        elements = _elements(node.input_value(0))
    if kind == "Convolution":
        return 2 * elements * math.prod(constants[0].get_output_shape(0)[1:])
    if kind == "Add" and not constants and _is_feature_map(node) and not _adds_border_values(node):
        return complexity.SUM * elements
    return _FLOPS_PER_ELEMENT.get(kind, 0) * elements


def _adds_border_values(node: ov.Node) -> bool:
    """Whether a folded network adds here what is known before the image, or its mean: see export/group_norm.py."""
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


def _port(port: ov.Output) -> str:
    return f"{', '.join(sorted(port.get_names()))} {port.partial_shape} {port.get_element_type().get_type_name()}"
