"""An IR, run in OpenVINO."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from facedet.common.errors import UserError, last_line
from facedet.common.once import once
from facedet.export.interface import Interface, Ports
from facedet.inference.openvino_device import default_precision, hints, runtime_of
from facedet.inference.session_parts import (
    Preprocessing,
    how_made,
    level_strides,
    nms_rule,
    score_threshold,
    subtracts_mean,
)
from facedet.inference.variant_answer import VariantAnswer
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
from facedet.weights.operating_point import point_of_export


class IrSession:
    """`Session` of an IR. Arguments: as for `open_session`."""

    kind = "IR"

    def __init__(
        self,
        path: Path,
        precision: str | None = None,
        device: str | None = None,
        size: tuple[int, int] | None = None,
    ):
        self.path, self._device = path, (device or "CPU").upper()
        self._hints = hints(precision or default_precision(device), self._device)
        self._model = model = read_model(path)
        if size:
            _reshape(model, size, path)
        self._inputs, self._outputs = _ports(model.inputs), _ports(model.outputs)
        facts = read_facts(path, model)
        self._answer = VariantAnswer(path, facts, self._inputs if len(model.inputs) == 1 else {}, self._outputs)
        self.size, self.variant = self._answer.size, self._answer.variant
        self.threshold = score_threshold(facts, path)
        self.operating_point = point_of_export(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.made = how_made(facts)
        self.weights = stored_precision(model)
        compiled = compile_model(model, path, self._hints, self._device)
        self.runtime = runtime_of(compiled)
        self._requests = Requests(compiled, path)
        self._lock = threading.Lock()  # of the graph, which its parts change while they are built
        self._for_throughput = once(self._compile_for_throughput, self._lock)
        self._before_nms = once(self._compile_before_nms, self._lock)

    def run(self, image: np.ndarray) -> np.ndarray:
        return self._answer.rows(self._requests(self._answer.image(image)))

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        queue = ov.AsyncInferQueue(self._for_throughput())
        finished: dict[int, dict[str, np.ndarray]] = {}

        def keep(request: Any, k: int) -> None:
            finished[k] = {name: request.get_tensor(name).data.copy() for name in self._answer.outputs}

        queue.set_callback(keep)
        returned = 0
        for k, image in enumerate(images):
            with openvino_runs(self.path):
                queue.start_async({0: self._answer.image(image)}, k)  # blocks until a request is free
            while returned in finished:
                yield self._answer.rows(finished.pop(returned))
                returned += 1
        with openvino_runs(self.path):
            queue.wait_all()
        for k in sorted(finished):
            yield self._answer.rows(finished.pop(k))

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        image = self._answer.image(image)
        if not self.variant.nms:
            return self._answer.before_nms(self._requests(image))
        return self._before_nms()(image)

    def _compile_for_throughput(self) -> Any:
        return compile_model(self._model, self.path, self._hints | {"PERFORMANCE_HINT": "THROUGHPUT"}, self._device)

    def _compile_before_nms(self) -> BeforeNms:
        return BeforeNms(self._model, self.path, self.variant.batch, self._hints, self._device)

    def interface(self) -> Interface:
        with self._lock:
            preprocessing = graph_preprocessing(self._model, self.path)
        return Interface(self._inputs, self._outputs, subtracts_mean(preprocessing, self.size))


def _reshape(model: ov.Model, size: tuple[int, int], path: Path) -> None:
    try:
        model.reshape([1, 3, *size])
    except RuntimeError as error:  # how OpenVINO reports shapes that do not fit
        cannot = f"{path}: cannot take {size[0]}x{size[1]} pixels ({last_line(error)})"
        raise UserError(f"{cannot}; export the checkpoint again, or leave out --size") from error


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
