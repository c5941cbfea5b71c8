"""An IR, run in OpenVINO."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from facedet.common.errors import UserError
from facedet.common.once import once
from facedet.export.interface import BOXES, LABELS, Interface, Ports, check_interface
from facedet.inference.session_parts import (
    Preprocessing,
    join_outputs,
    level_strides,
    nms_rule,
    score_threshold,
    subtracts_mean,
)
from facedet.weights.ir.graph import (
    BeforeNms,
    Requests,
    Subgraph,
    compile_model,
    openvino_runs,
    read_facts,
    read_model,
    stored_precision,
)
from facedet.weights.ir.graph_operations import graph_operations
from facedet.weights.ir.operations import Mismatch


class IrSession:
    """`Session` of an IR. precision: `f32` or another, or `default` for what OpenVINO chooses on this device."""

    kind = "IR"

    def __init__(self, path: Path, precision: str = "f32", device: str = "CPU"):
        self.path, self._device = path, device
        self._model = model = read_model(path)
        self._inputs, self._outputs = _ports(model.inputs), _ports(model.outputs)
        self.size = check_interface(path, self._inputs if len(model.inputs) == 1 else {}, self._outputs)
        facts = read_facts(path, model)
        self.threshold = score_threshold(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.weights = stored_precision(model)
        hints = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
        compiled: Any = compile_model(model, path, hints, device)
        self.precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self._requests = Requests(compiled, path)
        self._lock = threading.Lock()  # of the graph, which its parts change while they are built
        self._for_throughput = once(self._compile_for_throughput, self._lock)
        self._before_nms = once(lambda: BeforeNms(model, path), self._lock)

    def run(self, image: np.ndarray) -> np.ndarray:
        result = self._requests(image)
        return join_outputs(self.path, result[BOXES], result[LABELS])

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        queue = ov.AsyncInferQueue(self._for_throughput())
        finished: dict[int, tuple[np.ndarray, np.ndarray]] = {}

        def keep(request: Any, k: int) -> None:
            finished[k] = request.get_tensor(BOXES).data.copy(), request.get_tensor(LABELS).data.copy()

        queue.set_callback(keep)
        returned = 0
        for k, image in enumerate(images):
            with openvino_runs(self.path):
                queue.start_async({0: image}, k)  # blocks until a request is free
            while returned in finished:
                yield join_outputs(self.path, *finished.pop(returned))
                returned += 1
        with openvino_runs(self.path):
            queue.wait_all()
        for k in sorted(finished):
            yield join_outputs(self.path, *finished.pop(k))

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        return self._before_nms()(image)

    def _compile_for_throughput(self) -> Any:
        hints = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        return compile_model(self._model, self.path, hints, self._device)

    def interface(self) -> Interface:
        with self._lock:
            preprocessing = graph_preprocessing(self._model, self.path)
        return Interface(self._inputs, self._outputs, subtracts_mean(preprocessing, self.size))


def graph_preprocessing(model: ov.Model, path: Path) -> Preprocessing:
    """The part of a file's graph before its first convolution. Raises UserError if it has none."""
    try:
        image = graph_operations(model).image
    except Mismatch as error:
        raise UserError(f"{path}: not a detector: {error}") from error
    part = Subgraph(model, [image], path)
    return lambda image: part(image)[0]


def _ports(ports: list[ov.Output]) -> Ports:
    return {name: (port.get_element_type().to_string(), _shape(port)) for port in ports for name in port.get_names()}


def _shape(port: ov.Output) -> list:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else None for dimension in shape]
