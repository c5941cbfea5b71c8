"""Any form of a detector behind one face: a checkpoint, an ONNX file or an IR that takes pictures and gives boxes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data.errors import UserError, first_line
from data.structures import Detections
from export.interface import BOXES, INPUT, INPUT_ALIAS, LABELS


class Session(Protocol):
    """size: side of the input, pixels. threshold: the score rows must exceed, None where the file does not say.

    weights: stored precision, `f32`, `f16` or `bf16`. precision: what it computes in.
    """

    path: Path
    kind: str
    size: int
    threshold: float | None
    weights: str
    precision: str

    def rows(self, image: np.ndarray) -> np.ndarray:
        """image float32 [1, 3, size, size] BGR 0..255 -> [n, 6]: the file's `boxes`, then its `labels`."""
        ...


def open_session(path: Path, precision: str = "f32") -> Session:
    """Open by what the file is. precision: `f32`, or `default` for what the device would choose. Raises UserError."""
    openers: dict[str, Callable[[Path, str], Session]] = {
        ".pth": TorchSession,
        ".onnx": OnnxSession,
        ".xml": IrSession,
    }
    if path.suffix not in openers:
        raise UserError(f"{path}: not a model; give a checkpoint (.pth), an ONNX file (.onnx) or an IR (.xml)")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return openers[path.suffix](path, precision)


def to_detections(rows: np.ndarray) -> Detections:
    """Rows [n, 6] -> detections in pixels of the input; zero rows and values that are not finite dropped."""
    rows = rows[rows[:, :5].any(axis=1) & np.isfinite(rows).all(axis=1)]
    return Detections(rows[:, :4], rows[:, 4])


class TorchSession:
    kind = "checkpoint"

    def __init__(self, path: Path, precision: str = "f32"):
        from export.ship import load_network

        self.path = path
        self._network, self.size, facts = load_network(path)
        self.threshold: float | None = float(facts["score_threshold"])
        self.weights, self.precision = "f32", "f32"

    def rows(self, image: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return _join(*(out.numpy() for out in self._network(torch.from_numpy(image))))


class OnnxSession:
    kind = "ONNX"

    def __init__(self, path: Path, precision: str = "f32"):
        import onnxruntime

        from export.to_onnx import stored_precision
        from weights.graph import read_facts

        onnxruntime.set_default_logger_severity(3)
        self.path = path
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            facts, self.weights = read_facts(path), stored_precision(path)
        except Exception as error:  # onnxruntime and protobuf raise kinds of their own
            raise UserError(f"{path}: not an ONNX model ({first_line(error)})") from error
        inputs, outputs = (
            {port.name: (port.type.removeprefix("tensor(").rstrip(")"), port.shape) for port in ports}
            for ports in (self._session.get_inputs(), self._session.get_outputs())
        )
        self.size = check_interface(path, inputs, outputs)
        self.threshold = float(facts["score_threshold"]) if "score_threshold" in facts else None
        self.precision = "f32"

    def rows(self, image: np.ndarray) -> np.ndarray:
        name = self._session.get_inputs()[0].name
        return _join(*self._session.run([BOXES, LABELS], {name: image}))


class IrSession:
    kind = "IR"

    def __init__(self, path: Path, precision: str = "f32", device: str = "CPU"):
        from weights.graph import core, read_facts, read_model, stored_precision

        self.path = path
        model = read_model(path)
        inputs, outputs = (
            {name: (port.get_element_type().to_string(), _shape(port)) for port in ports for name in port.get_names()}
            for ports in (model.inputs, model.outputs)
        )
        if len(model.inputs) > 1:
            inputs = {}
        self.size = check_interface(path, inputs, outputs)
        facts = read_facts(path, model)
        self.threshold = float(facts["score_threshold"]) if "score_threshold" in facts else None
        self.weights = stored_precision(model)
        hint = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
        self._compiled: Any = core().compile_model(model, device, hint)
        self.precision = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()

    def rows(self, image: np.ndarray) -> np.ndarray:
        result = self._compiled(image)
        return _join(result[BOXES], result[LABELS])


_FLOAT, _INTEGER = {"float", "f32"}, {"int64", "int32", "i64", "i32"}
Ports = dict[str, tuple[str, list]]  # element type and shape by name; a free dimension is no int


def check_interface(path: Path, inputs: Ports, outputs: Ports) -> int:
    """The input's side where the file has the published interface; raises UserError where not."""
    kind, shape = inputs.get(INPUT) or inputs.get(INPUT_ALIAS) or ("", [])
    square = len(shape) == 4 and shape[:2] == [1, 3] and shape[2] == shape[3] and isinstance(shape[2], int)
    boxes_kind, boxes = outputs.get(BOXES, ("", []))
    labels_kind, labels = outputs.get(LABELS, ("", []))
    given = square and len(boxes) == 2 and boxes[1] == 5 and len(labels) == 1
    if not given or kind not in _FLOAT or boxes_kind not in _FLOAT or labels_kind not in _INTEGER:
        raise UserError(
            f"{path}: has not the interface of this project (float32 {INPUT} [1,3,size,size]; outputs float32 {BOXES} "
            f"[n,5] and integer {LABELS} [n])"
        )
    return shape[2]


def _shape(port: Any) -> list:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else None for dimension in shape]


def _join(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.column_stack([boxes, labels.astype(np.float32)])
