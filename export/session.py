"""Any form of a detector behind one face: a checkpoint, an ONNX file or an IR that takes pictures and gives boxes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from data.errors import UserError, first_line
from data.image import to_input
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
        """image float32 [1, 3, size, size] BGR 0..255 -> [n, 5] as the file's output `boxes` has them."""
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


def to_tensor(image: np.ndarray, size: int) -> np.ndarray:
    """Picture uint8 [h, w, 3] BGR -> float32 [1, 3, size, size] BGR 0..255."""
    return np.ascontiguousarray(to_input(image, size).transpose(2, 0, 1)[None], np.float32)


def to_detections(rows: np.ndarray) -> Detections:
    """Rows [n, 5] -> detections in pixels of the input, the zero rows dropped."""
    rows = rows[rows.any(axis=1)]
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
            return self._network(torch.from_numpy(image))[0].numpy()


class OnnxSession:
    kind = "ONNX"

    def __init__(self, path: Path, precision: str = "f32"):
        import onnxruntime

        from export.to_onnx import read_facts, stored_precision

        onnxruntime.set_default_logger_severity(3)
        self.path = path
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            facts, self.weights = read_facts(path), stored_precision(path)
        except Exception as error:  # onnxruntime and protobuf raise kinds of their own
            raise UserError(f"{path}: not an ONNX model ({first_line(error)})") from error
        (image,) = self._session.get_inputs() if len(self._session.get_inputs()) == 1 else (None,)
        outputs = {output.name for output in self._session.get_outputs()}
        self.size = check_interface(path, image and image.name, image and image.shape, outputs)
        self.threshold = float(facts["score_threshold"]) if "score_threshold" in facts else None
        self.precision = "f32"

    def rows(self, image: np.ndarray) -> np.ndarray:
        name = self._session.get_inputs()[0].name
        return self._session.run([BOXES], {name: image})[0]


class IrSession:
    kind = "IR"

    def __init__(self, path: Path, precision: str = "f32", device: str = "CPU"):
        from export.to_ir import core, read_facts, read_model, stored_precision

        self.path = path
        model = read_model(path)
        given = [name for name in (INPUT, INPUT_ALIAS) if len(model.inputs) == 1 and name in model.input(0).get_names()]
        fixed = bool(given) and model.input(0).partial_shape.is_static
        shape = list(model.input(0).shape) if fixed else None
        names = {name for output in model.outputs for name in output.get_names()}
        self.size = check_interface(path, given[0] if given else None, shape, names)
        facts = read_facts(model)
        self.threshold = float(facts["score_threshold"]) if "score_threshold" in facts else None
        self.weights = stored_precision(model)
        hint = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
        self._compiled: Any = core().compile_model(model, device, hint)
        self.precision = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()

    def rows(self, image: np.ndarray) -> np.ndarray:
        return self._compiled(image)[BOXES]


def check_interface(path: Path, name: str | None, shape: list | None, outputs: set[str]) -> int:
    """The input's side where the file has the published interface; raises UserError where not."""
    wanted = f"one input {INPUT} [1,3,size,size], outputs {BOXES} and {LABELS}"
    if name not in (INPUT, INPUT_ALIAS) or not {BOXES, LABELS} <= outputs:
        raise UserError(f"{path}: has not the interface of this project ({wanted})")
    if not shape or len(shape) != 4 or shape[:2] != [1, 3] or shape[2] != shape[3] or not isinstance(shape[2], int):
        raise UserError(f"{path}: its input has shape {shape}, not [1,3,size,size]")
    return shape[2]
