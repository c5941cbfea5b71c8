"""Any form of a detector behind one face: a checkpoint, an ONNX file or an IR that takes pictures and gives boxes."""

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from facedet.core.common.errors import UserError, first_line
from facedet.core.data.image import to_photo
from facedet.core.data.structures import Detections
from facedet.core.export.interface import BOXES, INPUT, LABELS, Interface, Ports, check_interface


class Session(Protocol):
    """size: side of the input, pixels. threshold: the score rows must exceed, None where the file does not say.

    weights: stored precision, `f32`, `f16` or `bf16`. precision: what it computes in. strides: of the levels, finest
    first, in pixels; empty where the file does not say.
    """

    path: Path
    kind: str
    size: int
    threshold: float | None
    weights: str
    precision: str
    strides: list[int]

    def rows(self, image: np.ndarray) -> np.ndarray:
        """image float32 [1, 3, size, size] BGR 0..255 -> [n, 6]: the file's `boxes`, then its `labels`."""
        ...

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        """The same image -> boxes [anchors, 4] and scores [anchors] before thresholding and NMS, level by level."""
        ...

    def interface(self) -> Interface:
        """What goes in and what comes out."""
        ...

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """`rows` of many images, in their order, as fast as the device can."""
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


def in_photo(rows: np.ndarray, session: Session, height: int, width: int) -> Detections:
    """Rows [n, 6] -> detections in pixels of the picture. Raises UserError for values that are not finite."""
    if not np.isfinite(rows).all():
        raise UserError(f"{session.path}: gave values that are not finite; its weights or its precision are broken")
    found = to_detections(rows)
    return Detections(to_photo(found.boxes, session.size, width, height), found.scores)


class TorchSession:
    kind = "checkpoint"

    def __init__(self, path: Path, precision: str = "f32"):
        from facedet.core.export.export import load_network

        self.path = path
        self._network, self.size, facts = load_network(path)
        self.threshold = _threshold(facts, path)
        self.strides = _strides(facts, path)
        self.weights, self.precision = "f32", "f32"

    def rows(self, image: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return _join(*(out.numpy() for out in self._network(torch.from_numpy(image))))

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.rows, images)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        import torch

        from facedet.core.detector.model import dense

        with torch.inference_mode():
            return [out[0].numpy() for out in dense(self._network.detector, torch.from_numpy(image))]

    def interface(self) -> Interface:
        most = self._network.detector.bbox_head.test_cfg.max_per_img
        outputs: Ports = {BOXES: ("f32", [most, 5]), LABELS: ("i64", [most])}
        return Interface({INPUT: ("f32", [1, 3, self.size, self.size])}, outputs, _takes_mean(self._front, self.size))

    def _front(self, image: np.ndarray) -> np.ndarray:
        import torch

        from facedet.core.detector.model import preprocess

        return preprocess(self._network.detector, torch.from_numpy(image)).numpy()


_ELEMENTS = {"tensor(float)": "f32", "tensor(float16)": "f16", "tensor(int64)": "i64", "tensor(int32)": "i32"}


class OnnxSession:
    kind = "ONNX"

    def __init__(self, path: Path, precision: str = "f32"):
        import onnxruntime

        from facedet.core.weights.ir.graph import read_facts, read_model, stored_precision

        onnxruntime.set_default_logger_severity(3)
        self.path = path
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            facts, self.weights = read_facts(path), stored_precision(read_model(path))
        except Exception as error:  # onnxruntime and protobuf raise kinds of their own
            raise UserError(f"{path}: not an ONNX model ({first_line(error)})") from error
        self._inputs, self._outputs = (
            {port.name: (_ELEMENTS.get(port.type, port.type), port.shape) for port in ports}
            for ports in (self._session.get_inputs(), self._session.get_outputs())
        )
        self.size = check_interface(path, self._inputs, self._outputs)
        self.threshold = _threshold(facts, path)
        self.strides = _strides(facts, path)
        self.precision = "f32"

    def rows(self, image: np.ndarray) -> np.ndarray:
        name = self._session.get_inputs()[0].name
        return _join(*self._session.run([BOXES, LABELS], {name: image}))

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.rows, images)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        boxes, scores = self._before_nms.run(None, {self._before_nms.get_inputs()[0].name: image})
        return [boxes.reshape(-1, 4), scores.reshape(-1)]

    @functools.cached_property
    def _before_nms(self) -> Any:
        import onnxruntime

        from facedet.core.export.to_onnx import before_nms

        return onnxruntime.InferenceSession(before_nms(self.path), providers=["CPUExecutionProvider"])

    def interface(self) -> Interface:
        from facedet.core.weights.ir.graph import read_model

        return Interface(self._inputs, self._outputs, _takes_mean(_graph_front(read_model(self.path)), self.size))


class IrSession:
    kind = "IR"

    def __init__(self, path: Path, precision: str = "f32", device: str = "CPU"):
        from facedet.core.weights.ir.graph import core, read_facts, read_model, stored_precision

        self.path, self._device = path, device
        self._model = model = read_model(path)
        self._inputs, self._outputs = (
            {name: (port.get_element_type().to_string(), _shape(port)) for port in ports for name in port.get_names()}
            for ports in (model.inputs, model.outputs)
        )
        self.size = check_interface(path, self._inputs if len(model.inputs) == 1 else {}, self._outputs)
        facts = read_facts(path, model)
        self.strides = _strides(facts, path)
        self.threshold = _threshold(facts, path)
        self.weights = stored_precision(model)
        hint = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
        self._compiled: Any = core().compile_model(model, device, hint)
        self.precision = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()

    def rows(self, image: np.ndarray) -> np.ndarray:
        result = self._compiled(image)
        return _join(result[BOXES], result[LABELS])

    def stream(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        import openvino as ov

        from facedet.core.weights.ir.graph import core

        hints = {"INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        queue = ov.AsyncInferQueue(core().compile_model(self._model, self._device, hints))
        done: dict[int, np.ndarray] = {}

        def keep(request: Any, k: int) -> None:
            done[k] = _join(request.get_tensor(BOXES).data, request.get_tensor(LABELS).data)

        queue.set_callback(keep)
        given = 0
        for k, image in enumerate(images):
            queue.start_async({0: image}, k)  # waits for a free place
            while given in done:
                yield done.pop(given)
                given += 1
        queue.wait_all()
        for k in sorted(done):
            yield done.pop(k)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        return self._before_nms(image)

    @functools.cached_property
    def _before_nms(self) -> Any:
        from facedet.core.weights.ir.graph import BeforeNms

        return BeforeNms(self._model, self.path)

    def interface(self) -> Interface:
        return Interface(self._inputs, self._outputs, _takes_mean(_graph_front(self._model), self.size))


def _strides(facts: dict[str, str], path: Path) -> list[int]:
    from facedet.core.weights.ir.graph import read_network

    network = read_network(facts, path)
    return list(network.model.bbox_head.anchor_generator.strides) if network else []


def _threshold(facts: dict[str, str], path: Path) -> float | None:
    try:
        return float(facts["score_threshold"]) if "score_threshold" in facts else None
    except ValueError as error:
        raise UserError(f"{path}: says its score threshold is '{facts['score_threshold']}'") from error


def _graph_front(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    from facedet.core.weights.ir.graph import Subgraph
    from facedet.core.weights.ir.graph_operations import graph_operations

    cut = Subgraph(model, [graph_operations(model).image])
    return lambda image: cut(image)[0]


def _takes_mean(front: Callable[[np.ndarray], np.ndarray], size: int) -> bool:
    from facedet.core.weights.ir.recover import measure_front

    return bool(np.abs(measure_front(front, size)[1]).max() > 1e-6)


def _shape(port: Any) -> list:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [dimension.get_length() if dimension.is_static else None for dimension in shape]


def _join(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.column_stack([boxes, labels.astype(np.float32)])
