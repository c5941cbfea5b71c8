"""ONNX files: read as data, and refused if they are more than that, or hold weights that no network can use."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, numpy_helper

from facedet.common.errors import UserError, first_line
from facedet.weights.graph_facts import LOOPS, MOST_OPERATIONS
from facedet.weights.names import check_file
from facedet.weights.seal import check_seal

_NEWEST = 1000  # version of operators: far above any; from 2**31, OpenVINO counts down for hours
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)


def read_onnx(path: Path) -> onnx.ModelProto:
    """Read an ONNX file of one piece. Raises UserError, also for weights that are not finite, and for a broken seal."""
    check_file(path)
    try:
        model = onnx.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        reason = first_line(error)
        raise UserError(
            f"{path}: not an ONNX model: it cannot be read by OpenVINO or ONNX Runtime ({reason})"
        ) from error
    if problem := next(_problems(model), None):
        raise UserError(f"{path}: {problem}")
    check_seal(path)
    return model


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    """The metadata of an ONNX file."""
    return {each.key: each.value for each in model.metadata_props}


def _problems(model: onnx.ModelProto) -> Iterator[str]:
    if not model.graph.node:
        yield "not an ONNX model (it contains no operation)"
    if model.functions:
        yield "defines operations of its own; export it without local functions"
    if not all(isinstance(text, str) for each in model.metadata_props for text in (each.key, each.value)):
        yield "damaged: a text in its metadata is not UTF-8"
    for each in model.opset_import:
        if not 0 <= each.version <= _NEWEST:
            yield f"has version {each.version} of the operators, which does not exist"
    nodes = 0
    for graph in _graphs(model.graph):
        nodes += len(graph.node)
        if nodes > MOST_OPERATIONS:
            yield f"has more than {MOST_OPERATIONS} operations; give a detector"
        if graph.sparse_initializer:
            yield "stores sparse tensors; export it with dense ones"
        for node in graph.node:
            yield from _problems_of_node(node)
        for tensor in graph.initializer:
            yield from _problems_of_tensor(tensor)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _graphs(inner)


def _problems_of_node(node: NodeProto) -> Iterator[str]:
    if not all(isinstance(text, str) for text in (node.name, node.op_type, node.domain, *node.input, *node.output)):
        yield "damaged: the name of an operation is not UTF-8"
    if node.op_type in LOOPS:
        yield f"contains {node.op_type}, which may never end; give a detector without loops"
    for attribute in node.attribute:
        if attribute.type == AttributeProto.SPARSE_TENSOR:
            yield "stores sparse tensors; export it with dense ones"
        if attribute.HasField("t"):
            yield from _problems_of_tensor(attribute.t)


def _problems_of_tensor(tensor: TensorProto) -> Iterator[str]:
    name = ascii(tensor.name)[:80]
    if tensor.external_data or tensor.data_location == TensorProto.EXTERNAL:
        yield f"its tensor {name} lies in another file; save it as one file: onnx.save(onnx.load(FILE), FILE)"
    if tensor.data_type not in TensorProto.DataType.values():
        yield f"damaged: its tensor {name} has a type that ONNX does not have"
    if tensor.data_type in _FLOATS:
        try:
            values = numpy_helper.to_array(tensor)
        except ValueError:  # numpy's, for a number of values that is not the one of the shape
            yield f"damaged: its tensor {name} does not have the size that it states"
            return
        if not np.isfinite(values).all():
            yield f"its tensor {name} has values that are not finite; no network can use it"
