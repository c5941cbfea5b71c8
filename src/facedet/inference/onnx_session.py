"""An ONNX file, run in ONNX Runtime."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from facedet.common.errors import UserError, first_line
from facedet.common.machine import processor_name
from facedet.common.once import once
from facedet.export.interface import Interface, Ports
from facedet.inference.runtime import Runtime
from facedet.inference.session_parts import how_made, level_strides, nms_rule, score_threshold, subtracts_mean
from facedet.inference.variant_answer import VariantAnswer
from facedet.weights.graph_facts import most_used_type, onnx_facts
from facedet.weights.onnx_file import metadata, read_onnx
from facedet.weights.operating_point import point_of_export

_ONLY_FATAL = 4  # severity from which ONNX Runtime writes to the terminal; its errors reach the caller
_ELEMENT_TYPES = {  # OpenVINO's names by ONNX's
    "float": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "double": "f64",
    "int64": "i64",
    "int32": "i32",
    "int8": "i8",
    "uint8": "u8",
}


class OnnxSession:
    """`Session` of an ONNX file, on the CPU."""

    kind = "ONNX"

    def __init__(self, path: Path, size: tuple[int, int] | None = None):
        self.path = path
        model = read_onnx(path)
        self._session = _open(path, path)
        self.weights = _stored_precision(model.graph)
        self._inputs, self._outputs = _ports(self._session.get_inputs()), _ports(self._session.get_outputs())
        facts = onnx_facts(metadata(model))
        self._answer = VariantAnswer(path, facts, self._inputs, self._outputs)
        self.size, self.variant = self._answer.size, self._answer.variant
        if size and size != self.size:
            raise UserError(f"{path}: an ONNX file has one size of input; give checkpoints and IRs")
        self.threshold = score_threshold(facts, path)
        self.operating_point = point_of_export(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.made = how_made(facts)
        self.runtime = Runtime("CPU", processor_name(), "f32", f"ONNX Runtime {onnxruntime.__version__}")
        self._before_nms = once(self._open_up_to_nms)

    def run(self, image: np.ndarray) -> np.ndarray:
        return self._answer.rows(self._run_all(image))

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.run, images)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        if not self.variant.nms:
            return self._answer.before_nms(self._run_all(image))
        boxes, scores = self._run(self._before_nms(), None, image)
        return [boxes.reshape(-1, 4), scores.reshape(-1)]

    def _open_up_to_nms(self) -> onnxruntime.InferenceSession:
        return _open(_up_to_nms(self.path, self.variant.batch), self.path)

    def _run_all(self, image: np.ndarray) -> dict[str, np.ndarray]:
        names = list(self._answer.outputs)
        return dict(zip(names, self._run(self._session, names, image), strict=True))

    def _run(self, session: onnxruntime.InferenceSession, outputs: list[str] | None, image: np.ndarray) -> list:
        try:
            return session.run(outputs, {next(iter(self._inputs)): self._answer.image(image)})
        except Exception as error:  # ONNX Runtime's own types, which have no common base
            raise UserError(f"{self.path}: ONNX Runtime cannot run it ({first_line(error)})") from error

    def interface(self) -> Interface:
        from facedet.inference.openvino_session import graph_preprocessing  # not needed to run
        from facedet.weights.ir.graph import read_model

        preprocessing = graph_preprocessing(read_model(self.path), self.path)
        return Interface(self._inputs, self._outputs, subtracts_mean(preprocessing, self.size))


def _open(model: Path | bytes, path: Path) -> onnxruntime.InferenceSession:
    """Open the model of the file `path`, or a part of it. Raises UserError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ONLY_FATAL
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own types, which have no common base
        raise UserError(f"{path}: not an ONNX model that ONNX Runtime opens ({first_line(error)})") from error


def _ports(ports: list[onnxruntime.NodeArg]) -> Ports:
    return {port.name: (_element_type(port.type[len("tensor(") : -1]), port.shape) for port in ports}


def _stored_precision(graph: onnx.GraphProto) -> str:
    """The precision that holds most of the constants, like `stored_precision` of an IR."""
    nodes = [node for node in graph.node if node.op_type == "Constant"]
    constants = [attribute.t for node in nodes for attribute in node.attribute if attribute.name == "value"]
    tensors = [*graph.initializer, *constants]
    type_name = onnx.TensorProto.DataType.Name
    return most_used_type((_element_type(type_name(tensor.data_type).lower()), tensor.dims) for tensor in tensors)


def _up_to_nms(path: Path, batch: int) -> bytes:
    """The serialized model with the inputs of NMS, boxes and scores, as its outputs. Raises UserError."""
    model = read_onnx(path)
    nms = [node for node in model.graph.node if node.op_type == "NonMaxSuppression"]
    if len(nms) != batch:
        raise UserError(f"{path}: contains {len(nms)} NonMaxSuppression operations, expected {batch}")
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in nms[0].input[:2])
    return model.SerializeToString()


def _element_type(name: str) -> str:
    return _ELEMENT_TYPES.get(name, name)
