"""An IR, run in OpenVINO."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from facedet.common.errors import UserError, last_line
from facedet.export.interface import Interface, Ports
from facedet.inference.session_parts import (
    Preprocessing,
    level_strides,
    nms_rule,
    score_threshold,
    subtracts_mean,
)
from facedet.inference.variant_answer import VariantAnswer
from facedet.weights.ir.graph import BeforeNms, Requests, Subgraph, core, read_facts, read_model, stored_precision
from facedet.weights.ir.graph_operations import graph_operations


class IrSession:
    """`Session` of an IR. precision: `f32` or another, or `default` for what OpenVINO chooses on this device."""

    kind = "IR"

    def __init__(self, path: Path, precision: str = "f32", device: str = "CPU", size: tuple[int, int] | None = None):
        self.path, self._device = path, device
        self._model = model = read_model(path)
        if size:
            _reshape(model, size, path)
        self._inputs, self._outputs = _ports(model.inputs), _ports(model.outputs)
        facts = read_facts(path, model)
        self._answer = VariantAnswer(path, facts, self._inputs if len(model.inputs) == 1 else {}, self._outputs)
        self.size, self.variant = self._answer.size, self._answer.variant
        self.threshold = score_threshold(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.weights = stored_precision(model)
        hints = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
        compiled: Any = core().compile_model(model, device, hints)
        self.precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self._requests = Requests(compiled)

    def run(self, image: np.ndarray) -> np.ndarray:
        return self._answer.rows(self._requests(self._answer.image(image)).__getitem__)

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        queue = ov.AsyncInferQueue(self._for_throughput)
        finished: dict[int, np.ndarray] = {}

        def keep(request: Any, k: int) -> None:
            finished[k] = self._answer.rows(lambda name: request.get_tensor(name).data)

        queue.set_callback(keep)
        returned = 0
        for k, image in enumerate(images):
            queue.start_async({0: self._answer.image(image)}, k)  # blocks until a request is free
            while returned in finished:
                yield finished.pop(returned)
                returned += 1
        queue.wait_all()
        for k in sorted(finished):
            yield finished.pop(k)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        image = self._answer.image(image)
        if not self.variant.nms:
            return self._answer.before_nms(self._requests(image).__getitem__)
        return self._before_nms(image)

    @functools.cached_property
    def _for_throughput(self) -> Any:
        hints = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        return core().compile_model(self._model, self._device, hints)

    @functools.cached_property
    def _before_nms(self) -> BeforeNms:
        return BeforeNms(self._model, self.path, self.variant.batch)

    def interface(self) -> Interface:
        return Interface(self._inputs, self._outputs, subtracts_mean(graph_preprocessing(self._model), self.size))


def _reshape(model: ov.Model, size: tuple[int, int], path: Path) -> None:
    try:
        model.reshape([1, 3, *size])
    except RuntimeError as error:  # how OpenVINO reports shapes that do not fit
        described = f"cannot take {size[0]}x{size[1]} pixels ({last_line(error)})"
        raise UserError(
            f"{path}: {described}; only exports since 0.1.0 and the published file take other sizes"
        ) from error


def graph_preprocessing(model: ov.Model) -> Preprocessing:
    """The part of a graph before its first convolution."""
    part = Subgraph(model, [graph_operations(model).image])
    return lambda image: part(image)[0]


def _ports(ports: list[ov.Output]) -> Ports:
    return {name: (port.get_element_type().to_string(), _shape(port)) for port in ports for name in port.get_names()}


def _shape(port: ov.Output) -> list:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else None for dimension in shape]
