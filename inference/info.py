"""What a config, a checkpoint, an ONNX file or an IR is: size, cost, interface, origin."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import openvino as ov

from facedet.core.common.errors import UserError
from facedet.core.detector import complexity
from facedet.core.detector.complexity import Card
from facedet.core.detector.config import config_name, load_config
from facedet.core.weights.ir.graph import read_facts, read_model


@dataclass(frozen=True)
class Info:
    """parameters: trained values, or for a graph the float constants its file holds. card_million_parameters: counted
    as the published card counts. GFLOPs are for one input of the file's own size. bin_bytes: of an IR's .bin."""

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
    """Describe a file, or a config by name. Raises UserError."""
    path = Path(target)
    if path.suffix in (".onnx", ".xml"):
        return _describe_graph(path)
    if path.suffix == ".pth":
        from facedet.core.weights.checkpoint import config_from_checkpoint, read_torch_file, sha256
        from facedet.core.weights.importing import ORIGIN

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
    origin.pop("network", None)
    if len(model.inputs) != 1 or model.input(0).partial_shape.is_dynamic or len(model.input(0).shape) != 4:
        raise UserError(f"{path}: has not one picture of fixed size as its input")
    count = _count(model)
    interface = [f"input {_tensor(i)}" for i in model.inputs] + [f"output {_tensor(o)}" for o in model.outputs]
    side = model.input(0).shape[2]
    return Info(
        str(path),
        kind,
        side,
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


def _count(model: ov.Model) -> _Count:
    count = _Count(flops=complexity.INPUT * math.prod(model.input(0).shape))
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Constant":
            count.stored += _floats(node)
            continue
        constants = [c for c in map(_constant, node.inputs()) if c is not None]
        if len(constants) == len(node.inputs()) > 0:
            continue  # part of a weight's decompression
        elements = _elements(node)
        if kind == "Convolution":
            weight = constants[0]
            count.flops += 2 * elements * math.prod(weight.get_output_shape(0)[1:])
            count.card += _floats(weight)
        elif kind == "BatchNormInference":  # an ONNX file: an IR would hold one folded bias a channel
            count.card += _floats(constants[0])
        elif kind in ("Add", "Multiply") and constants and len(node.get_output_partial_shape(0)) == 4:
            # biases and group norm's affine; the input's mean and deviation are no parameters
            if not _reads_input(node):
                count.card += _floats(constants[0])
        elif kind == "Add" and not constants and len(node.get_output_partial_shape(0)) == 4:
            count.flops += complexity.SUM * elements
        elif kind == "Relu":
            count.flops += complexity.RELU * elements
        elif kind == "MVN":
            count.flops += (complexity.NORMALISE + complexity.AFFINE) * elements
        elif kind == "MaxPool":
            count.flops += complexity.MAX_POOL * elements
        elif kind == "Interpolate":
            count.flops += complexity.UPSAMPLE * elements
        elif kind == "NonMaxSuppression":
            count.card += 8 * node.input(0).get_partial_shape()[1].get_length()  # clip bounds of every anchor
    return count


def _constant(port: ov.Input) -> ov.Node | None:
    """The constant behind a port, through conversions and the scaling of compressed weights."""
    node = port.get_source_output().get_node()
    if node.get_type_name() == "Constant":
        return node
    if node.get_type_name() in ("Convert", "Reshape", "FakeQuantize"):
        return _constant(node.input(0))
    if node.get_type_name() in ("Multiply", "Subtract"):
        found = [_constant(each) for each in node.inputs()]
        return found[0] if all(found) else None
    return None


def _reads_input(node: ov.Node) -> bool:
    while node.get_type_name() in ("Add", "Multiply", "Subtract", "Divide", "Gather", "Convert"):
        variable = [port for port in node.inputs() if _constant(port) is None]
        if not variable:
            return False
        node = variable[0].get_source_output().get_node()
    return node.get_type_name() == "Parameter"


def _floats(node: ov.Node) -> int:
    real = node.get_element_type().is_real()
    return math.prod(node.get_output_shape(0)) if real else 0


def _elements(node: ov.Node) -> int:
    shape = node.get_output_partial_shape(0)
    return math.prod(shape.to_shape()) if shape.is_static else 0


def _tensor(port: ov.Output) -> str:
    return f"{', '.join(sorted(port.get_names()))} {port.partial_shape} {port.get_element_type().get_type_name()}"
