"""OpenVINO graphs as files: reading them, the constants in them, their values before NMS."""

import functools
import math
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
from mmengine.config import Config
from openvino import opset13 as ops
from openvino._offline_transformations import apply_moc_transformations
from openvino.frontend import FrontEndManager
from openvino.passes import ConstantFolding, Manager

from facedet.core.common.errors import UserError, first_line, last_line
from facedet.core.detector.config import config_from_facts
from facedet.core.weights.checkpoint import FACTS

SECTION = FACTS  # where an IR's rt_info and, as a prefix, an ONNX file's metadata hold what made it


@functools.cache
def core() -> ov.Core:
    """OpenVINO's one entry."""
    return ov.Core()


def read_model(path: Path) -> ov.Model:
    """The graph of an IR or ONNX file. Raises UserError."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".xml" and not path.with_suffix(".bin").is_file():
        raise UserError(f"{path}: its weights, {path.with_suffix('.bin').name}, are not beside it")
    try:
        if path.suffix == ".onnx":  # by its own frontend: others would look for a torch archive in it, and run that
            frontend = FrontEndManager().load_by_framework("onnx")
            return frontend.convert(frontend.load(str(path)))
        return core().read_model(path)
    except Exception as error:  # each frontend has kinds of its own
        raise UserError(f"{path}: OpenVINO cannot read it ({last_line(error)})") from error


def read_folded(path: Path) -> ov.Model:
    """The graph with everything computed that depends on constants alone. Raises UserError."""
    model = read_model(path)
    if path.suffix == ".onnx":
        apply_moc_transformations(model, cf=True)  # what makes an IR of it: constants folded, operations fused
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)
    return model


def read_facts(path: Path, model: ov.Model | None = None) -> dict[str, str]:
    """What made the file, as `export` wrote it; empty for a file of other origin."""
    if path.suffix == ".onnx":
        found = onnx.load(path, load_external_data=False).metadata_props
        return {p.key.removeprefix(f"{SECTION}_"): p.value for p in found if p.key.startswith(f"{SECTION}_")}
    model = model or read_model(path)
    found = model.get_rt_info([SECTION]).value if model.has_rt_info([SECTION]) else {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def read_network(facts: dict[str, str], path: Path) -> Config | None:
    """The config of the network that facts describe, None where they do not. Raises UserError if it is damaged."""
    if "network" not in facts:
        return None
    try:
        return config_from_facts(facts["network"])
    except ValueError as error:
        raise UserError(f"{path}: its description of its network is damaged ({first_line(error)})") from error


def stored_precision(model: ov.Model) -> str:
    """The precision that holds most of the graph's constants: `f32`, `f16`, `bf16`, `i8` or another."""
    sizes: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant":
            sizes[node.get_element_type().get_type_name()] += math.prod(node.get_output_shape(0))
    return sizes.most_common(1)[0][0] if sizes else "f32"


def value(port: ov.Input) -> np.ndarray | None:
    """The constant at a port as float32, whatever precision it is stored in; None where the port is no constant."""
    node = port.get_source_output().get_node()
    if node.get_type_name() == "Convert":
        return value(node.input(0))
    if node.get_type_name() != "Constant" or not node.get_element_type().is_real():
        return None
    return node.data.astype(np.float32)


class Subgraph:
    """A part of a graph, from the input to some ports, computed in float32 on the CPU."""

    def __init__(self, model: ov.Model, ports: list[ov.Output]):
        results = [ops.result(ops.convert(port, "f32")) for port in ports]
        part = ov.Model(results, model.get_parameters())
        self._compiled = core().compile_model(part, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        result = self._compiled(image)
        return [result[k] for k in range(len(self._compiled.outputs))]


class BeforeNms(Subgraph):
    """The boxes [anchors, 4] and scores [anchors] that a detector's graph hands to NMS. Raises UserError."""

    def __init__(self, model: ov.Model, path: Path):
        found = [node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression"]
        if len(found) != 1:
            raise UserError(f"{path}: holds {len(found)} NonMaxSuppression, not the one of this detector")
        super().__init__(model, [found[0].input_value(0), found[0].input_value(1)])

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        boxes, scores = super().__call__(image)
        return [boxes.reshape(-1, 4), scores.reshape(-1)]
