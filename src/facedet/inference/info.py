"""Describe a config, a checkpoint, an ONNX file or an IR: parameters, cost, interface, origin."""

from dataclasses import dataclass, field
from pathlib import Path

import openvino as ov

from facedet.common.errors import UserError, first_line
from facedet.common.extras import require_train
from facedet.common.files import sha256
from facedet.detector.card import Card
from facedet.detector.config_file import find_config
from facedet.detector.stored_network import StoredNetwork
from facedet.inference.graph_cost import graph_cost
from facedet.weights.graph_facts import read_network
from facedet.weights.ir.graph import read_facts, read_model
from facedet.weights.names import check_file
from facedet.weights.operating_point import OPERATING_POINT, in_words, point_of_checkpoint, point_of_export
from facedet.weights.training_record import TRAINING, TrainingRecord, imported_facts, record_of


@dataclass(frozen=True)
class Info:
    """Figures and facts of a model.

    parameters: number of trained values; for an ONNX file or an IR, of the float constants in it.
    card_million_parameters: counted as the published model card counts. gflops: for one image of `input_size`.
    threshold: the score above which a model shows boxes, and where it comes from; empty for a config. bin_bytes: size
    of an IR's .bin. training: as far as the file states it, None for a config.
    """

    path: str
    kind: str
    input_size: int
    parameters: int
    card_million_parameters: float
    gflops: float
    threshold: str = ""
    published: Card = field(default_factory=Card)
    interface: list[str] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    bin_bytes: int = 0
    training: TrainingRecord | None = None


def describe(target: str | Path, config: str | Path | None = None) -> Info:
    """Describe a file, or a config by its name or path. Raises UserError.

    config: of a checkpoint, as for `load_network`.
    """
    path = Path(target)
    if path.suffix in (".onnx", ".xml"):
        return _describe_graph(path)
    return _describe_network(target, path, config)


def _describe_network(target: str | Path, path: Path, own: str | Path | None) -> Info:
    if path.suffix == ".pth":
        check_file(path)
    else:
        find_config(target)
    if own:
        find_config(own)
    require_train(str(target))
    from facedet.detector.complexity import measure
    from facedet.detector.config import config_name, load_config
    from facedet.weights.checkpoint import config_from_checkpoint
    from facedet.weights.torch_file import read_torch_file

    if path.suffix == ".pth":
        content = read_torch_file(path)
        config, kind = config_from_checkpoint(content, path, load_config(own) if own else None), "checkpoint"
        origin = {"config": config_name(config), "sha256": sha256(path)}
        threshold = in_words(point_of_checkpoint(content["meta"], path))
        record = record_of(content["meta"], config_name(config))
        origin |= imported_facts(content["meta"]) or (record.facts() if record else {})
    else:
        config, kind, origin, record, threshold = load_config(target), "config", {}, None, ""
    size = measure(config)
    return Info(
        str(target),
        kind,
        config.input_size,
        size.parameters,
        size.card_parameters / 1e6,
        size.gflops,
        threshold,
        origin=origin,
        training=record,
    )


def _describe_graph(path: Path) -> Info:
    model = read_model(path)
    kind, origin = "ONNX" if path.suffix == ".onnx" else "IR", read_facts(path, model)
    network = read_network(origin, path)
    threshold = in_words(point_of_export(origin, path))
    for name in ("network", OPERATING_POINT):
        origin.pop(name, None)
    record = _training(origin.pop(TRAINING, None), path)
    origin |= {f"checkpoint {name}": value for name, value in record.facts().items()} if record else {}
    size = _input_size(model, network)
    if not size:
        raise UserError(f"{path}: its input is not one image of fixed size; give an exported detector")
    cost = graph_cost(model, size)
    interface = [f"input {_port(i)}" for i in model.inputs] + [f"output {_port(o)}" for o in model.outputs]
    return Info(
        str(path),
        kind,
        size,
        cost.stored,
        cost.card / 1e6,
        cost.flops / 1e9,
        threshold,
        interface=interface,
        origin=origin,
        bin_bytes=path.with_suffix(".bin").stat().st_size if kind == "IR" else 0,
        training=record,
    )


def _training(text: str | None, path: Path) -> TrainingRecord | None:
    """What an export says about the training of its checkpoint. text: as `TrainingRecord.to_json` wrote it."""
    try:
        return TrainingRecord.from_json(text) if text else None
    except ValueError as error:
        raise UserError(f"{path}: what it says about its training is damaged ({first_line(error)})") from error


def _input_size(model: ov.Model, network: StoredNetwork | None) -> int:
    """Side of the image that a graph reads, pixels; 0 if it does not read one image or batch of a known size."""
    shapes = [port.partial_shape for port in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][0].is_dynamic:
        return 0
    if network:
        return network.input_size
    return shapes[0][2].get_length() if shapes[0].is_static else 0


def _port(port: ov.Output) -> str:
    return f"{', '.join(sorted(port.get_names()))} {port.partial_shape} {port.get_element_type().get_type_name()}"
