"""From ONNX to OpenVINO IR."""

import functools
import math
from collections import Counter
from pathlib import Path

import openvino as ov

from data.errors import UserError, first_line, last_line
from data.files import write_beside
from export.interface import CLASSES, INPUT_ALIAS, SHOW_ABOVE

_SECTION = "facedet"


def write_ir(onnx_file: Path, facts: dict[str, str], path: Path, *, fp16: bool) -> None:
    """Convert; `path` is the .xml, its .bin lies beside it. `facts` and Model API's metadata go into rt_info.

    fp16: store the weights in half precision; the interface stays float32.
    """
    model = ov.convert_model(onnx_file)
    model.input(0).get_tensor().add_names({INPUT_ALIAS})
    for key, value in facts.items():
        model.set_rt_info(value, [_SECTION, key])
    for key, value in _MODEL_API.items():
        model.set_rt_info(value, ["model_info", key])
    with write_beside(path) as graph, write_beside(path.with_suffix(".bin")):  # OpenVINO writes the .bin beside
        try:
            ov.save_model(model, graph, compress_to_fp16=fp16)
        except RuntimeError as error:  # how OpenVINO reports a full disk
            raise UserError(f"{path}: cannot be written ({first_line(error)})") from error


@functools.cache
def core() -> ov.Core:
    """OpenVINO's one entry."""
    return ov.Core()


def read_model(path: Path) -> ov.Model:
    """The graph of an IR or ONNX file. Raises UserError."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".xml" and not path.with_suffix(".bin").is_file():
        raise UserError(f"{path}: its weights, {path.with_suffix('.bin').name}, are not beside it")
    try:
        return core().read_model(path)
    except RuntimeError as error:
        raise UserError(f"{path}: OpenVINO cannot read it ({last_line(error)})") from error


def read_facts(model: ov.Model) -> dict[str, str]:
    """The facts that `write_ir` wrote; empty for an IR of other origin."""
    if not model.has_rt_info([_SECTION]):
        return {}
    return dict(model.get_rt_info([_SECTION]).value)


_MODEL_API = {
    "model_type": "ssd",  # its parser for outputs `boxes` and `labels`
    "labels": " ".join(CLASSES),
    "resize_type": "standard",
    "confidence_threshold": str(SHOW_ABOVE),
    "reverse_input_channels": "False",
}


def stored_precision(model: ov.Model) -> str:
    """The precision that holds most of the graph's constants: `f32`, `f16`, `bf16` or `i8`."""
    sizes: Counter[str] = Counter()
    for node in model.get_ops():
        if node.get_type_name() == "Constant":
            sizes[node.get_element_type().get_type_name()] += math.prod(node.get_output_shape(0))
    return sizes.most_common(1)[0][0] if sizes else "f32"
