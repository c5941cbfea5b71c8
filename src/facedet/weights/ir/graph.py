"""OpenVINO graphs of IR and ONNX files: read them, their constants and facts, and their values before NMS."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops
from openvino._offline_transformations import apply_moc_transformations
from openvino.frontend import FrontEndManager
from openvino.passes import ConstantFolding, Manager

from facedet.common.errors import UserError, last_line
from facedet.common.once import once
from facedet.weights.graph_facts import SECTION, most_used_type, onnx_facts
from facedet.weights.ir.ir_file import check_ir
from facedet.weights.seal import check_seal

_FEW = 4  # values
_FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}
_LARGEST = 2**30  # values of one tensor; the full model at 4096 pixels has a quarter of it
CONVOLUTIONS = ("Convolution", "GroupConvolution")  # types of operations


def core() -> ov.Core:
    """The instance of OpenVINO that all graphs share.

    There must be only one: each instance sets a signal stack for the process (OpenVINO 2026.4). If several are not
    released in the reverse order of their creation, the next signal (Ctrl-C, the end of a child) causes a segmentation
    fault.
    """
    return _core()


_core = once(ov.Core)


def read_model(path: Path) -> ov.Model:
    """Read the graph of an IR or ONNX file. Raises UserError."""
    if path.suffix == ".onnx":
        from facedet.weights.onnx_file import read_onnx  # an IR needs no onnx

        read_onnx(path)  # refuses what is no data
    else:
        check_ir(path)
    try:
        if path.suffix == ".onnx":  # read by the ONNX frontend only: others look for a torch archive in it and run that
            frontend = FrontEndManager().load_by_framework("onnx")
            model = frontend.convert(frontend.load(str(path)))
        else:
            model = core().read_model(path)
    except Exception as error:  # each frontend raises its own types
        raise UserError(f"{path}: cannot be read by OpenVINO ({last_line(error)})") from error
    _check_values(model, path)
    if path.suffix == ".xml":
        check_seal(path)
    return model


def _check_values(model: ov.Model, path: Path) -> None:
    """Raise UserError for a constant that is not finite, and for a tensor that no memory holds."""
    for node in model.get_ops():
        name = ascii(node.get_friendly_name())[:80]
        shapes = [output.get_partial_shape() for output in node.outputs()]
        if any(shape.is_static and prod(shape.to_shape()) > _LARGEST for shape in shapes):
            raise UserError(f"{path}: {name} computes more than {_LARGEST:,} values; give a detector")
        if node.get_type_name() != "Constant" or not node.get_element_type().is_real():
            continue
        narrow = node.get_element_type() in (ov.Type.f32, ov.Type.f16)
        values = node.data if narrow else node.get_data(dtype=np.float32)
        if not np.isfinite(values).all():
            raise UserError(f"{path}: its tensor {name} has values that are not finite; no network can use it")


def compile_model(model: ov.Model, path: Path, hints: dict[str, Any], device: str = "CPU") -> ov.CompiledModel:
    """Compile a graph of the file `path`. Raises UserError."""
    with openvino_runs(path):
        return core().compile_model(model, device, hints)


@contextmanager
def openvino_runs(path: Path) -> Iterator[None]:
    """For a call that compiles or computes the graph of a file, and nothing else: its error becomes a UserError."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(f"{path}: OpenVINO cannot run it ({last_line(error)})") from error


def fold_constants(model: ov.Model, *, from_onnx: bool) -> ov.Model:
    """A copy of the graph in which everything that depends only on constants is computed."""
    folded = model.clone()
    if from_onnx:
        apply_moc_transformations(folded, cf=True)  # fuses operations like the conversion to IR
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(folded)
    return folded


def read_facts(path: Path, model: ov.Model) -> dict[str, str]:
    """What `export` stored in the file about its origin; empty for other files. model: the graph of the file."""
    if path.suffix == ".onnx":
        from facedet.weights.onnx_file import metadata, read_onnx

        return onnx_facts(metadata(read_onnx(path)))
    content = model.get_rt_info([SECTION]).value if model.has_rt_info([SECTION]) else {}
    return {key: str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def stored_precision(model: ov.Model) -> str:
    """The precision that holds most of the graph's constants: `f32`, `f16`, `bf16` or another; `i8` if any are i8."""
    constants = [node for node in model.get_ops() if node.get_type_name() == "Constant"]
    return most_used_type((node.get_element_type().get_type_name(), node.get_output_shape(0)) for node in constants)


def rounds_small_constants(model: ov.Model) -> bool:
    """Whether constants of a few values, such as those of the box coder, are stored in half precision.

    The published FP16 file does that, our own does not.
    """
    constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    return any(node.get_element_type() == ov.Type.f16 and node.data.size <= _FEW for node in constants)


def constant_value(port: ov.Input) -> np.ndarray | None:
    """The constant at a port as float32, whatever its stored precision; None if the port has no float constant."""
    node = port.get_source_output().get_node()
    if node.get_type_name() == "Convert":
        return constant_value(node.input(0))
    if node.get_type_name() != "Constant" or not node.get_element_type().is_real():
        return None
    return node.data.astype(np.float32)


class Requests:
    """A compiled model that any number of threads may call: each has an inference request of its own."""

    def __init__(self, compiled: ov.CompiledModel, path: Path):
        self._compiled, self._path, self._own = compiled, path, threading.local()

    def __call__(self, image: np.ndarray) -> Any:
        """The outputs, by their names or numbers, as arrays of the caller's own."""
        with openvino_runs(self._path):
            if not hasattr(self._own, "request"):
                self._own.request = self._compiled.create_infer_request()
            return self._own.request.infer(image, share_inputs=True)


class Subgraph:
    """A part of the graph of a file, from the input to some ports, computed in float32 on the CPU by default."""

    def __init__(
        self,
        model: ov.Model,
        ports: list[ov.Output],
        path: Path,
        hints: dict[str, Any] = _FLOAT32,
        device: str = "CPU",
    ):
        results = [ops.result(ops.convert(port, "f32")) for port in ports]
        part = ov.Model(results, model.get_parameters())
        self._run = Requests(compile_model(part, path, hints, device), path)
        self._count = len(ports)

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        result = self._run(image)
        return [result[k] for k in range(self._count)]


class BeforeNms(Subgraph):
    """The inputs of NMS in a detector's graph: boxes [anchors, 4] and scores [anchors]. Raises UserError.

    batch: how many images the graph takes, and how many times it has NMS. Any one is used, for equal images.
    """

    def __init__(
        self, model: ov.Model, path: Path, batch: int = 1, hints: dict[str, Any] = _FLOAT32, device: str = "CPU"
    ):
        nms = [node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression"]
        if len(nms) != batch:
            raise UserError(f"{path}: contains {len(nms)} NonMaxSuppression operations, expected {batch}")
        super().__init__(model, [nms[0].input_value(0), nms[0].input_value(1)], path, hints, device)

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        boxes, scores = super().__call__(image)
        return [boxes.reshape(-1, 4), scores.reshape(-1)]
