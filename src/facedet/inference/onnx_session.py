"""An ONNX file, run in ONNX Runtime."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from facedet.common.errors import UserError, first_line
from facedet.export.interface import Interface, Ports
from facedet.inference.session_parts import level_strides, nms_rule, score_threshold, subtracts_mean
from facedet.inference.variant_answer import VariantAnswer
from facedet.weights.graph_facts import most_used_type, onnx_facts

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
        onnxruntime.set_default_logger_severity(3)
        self.path = path
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            self.weights = _stored_precision(onnx.load(path, load_external_data=False).graph)
        except Exception as error:  # onnxruntime and protobuf raise their own kinds of errors
            raise UserError(f"{path}: not an ONNX model ({first_line(error)})") from error
        self._inputs, self._outputs = _ports(self._session.get_inputs()), _ports(self._session.get_outputs())
        facts = onnx_facts(self._session.get_modelmeta().custom_metadata_map)
        self._answer = VariantAnswer(path, facts, self._inputs, self._outputs)
        self.size, self.variant = self._answer.size, self._answer.variant
        if size and size != self.size:
            raise UserError(f"{path}: an ONNX file has one size of input; give checkpoints and IRs")
        self.threshold = score_threshold(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.precision = "f32"

    def run(self, image: np.ndarray) -> np.ndarray:
        return self._answer.rows(self._run(image).__getitem__)

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.run, images)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        if not self.variant.nms:
            return self._answer.before_nms(self._run(image).__getitem__)
        boxes, scores = self._before_nms.run(None, {next(iter(self._inputs)): self._answer.image(image)})
        return [boxes.reshape(-1, 4), scores.reshape(-1)]

    def _run(self, image: np.ndarray) -> dict[str, np.ndarray]:
        outputs = self._session.run(list(self._outputs), {next(iter(self._inputs)): self._answer.image(image)})
        return dict(zip(self._outputs, outputs, strict=True))

    @functools.cached_property
    def _before_nms(self) -> onnxruntime.InferenceSession:
        model = _up_to_nms(self.path, self.variant.batch)
        return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def interface(self) -> Interface:
        from facedet.inference.openvino_session import graph_preprocessing  # not needed to run
        from facedet.weights.ir.graph import read_model

        preprocessing = graph_preprocessing(read_model(self.path))
        return Interface(self._inputs, self._outputs, subtracts_mean(preprocessing, self.size))


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
    model = onnx.load(path)
    nms = [node for node in model.graph.node if node.op_type == "NonMaxSuppression"]
    if len(nms) != batch:
        raise UserError(f"{path}: contains {len(nms)} NonMaxSuppression operations, expected {batch}")
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in nms[0].input[:2])
    return model.SerializeToString()


def _element_type(name: str) -> str:
    return _ELEMENT_TYPES.get(name, name)
