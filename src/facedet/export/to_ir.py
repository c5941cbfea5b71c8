"""Conversion from ONNX to OpenVINO IR."""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from facedet.common.errors import UserError, first_line
from facedet.common.files import write_together
from facedet.export.adapt import adapt
from facedet.export.graph_parts import last_convolutions, sums_of_taps
from facedet.export.interface import CLASSES, INPUT, INPUT_ALIAS
from facedet.export.variants import PUBLISHED, UNCHANGED, Variant
from facedet.weights.graph_facts import SECTION
from facedet.weights.operating_point import point_of_export, threshold_of
from facedet.weights.seal import seal

_SMALL = 4096  # values of a constant that stays in float32
_HALF = np.finfo(np.float16).min, np.finfo(np.float16).max
_DECOMPRESSION = "decompression_0"  # how OpenVINO names the attribute of a conversion that it may leave out
MODEL_API_SECTION, SHOWN_ABOVE = "model_info", "confidence_threshold"  # what OpenVINO Model API reads
_COMPUTE_IN_F32 = "precise_0"  # how OpenVINO names the attribute DisableFP16Compression; plugins obey it for bf16 too


def write_ir(
    onnx_file: Path, size: int, facts: dict[str, str], path: Path, *, fp16: bool, variant: Variant = UNCHANGED
) -> None:
    """Convert an ONNX file for any size and write `path` (.xml) with its .bin next to it. Raises UserError.

    size: width and height of the input; OpenVINO can reshape it. facts: stored in
    rt_info, together with the metadata of OpenVINO Model API. fp16: store the weights in half precision; input and
    outputs stay float32. variant: that of the ONNX file, which has no u8 input and no layout.
    """
    model = ov.convert_model(onnx_file)
    model.reshape([variant.batch, 3, size, size])
    model.input(0).get_tensor().set_names({INPUT, INPUT_ALIAS})
    metadata = _model_api(variant, size, threshold_of(point_of_export(facts, path)))
    model = adapt(model, variant)
    model.get_parameters()[0].set_layout(ov.Layout("[N,H,W,C]" if variant.takes_pictures else "[N,C,H,W]"))
    for key, value in facts.items():
        model.set_rt_info(value, [SECTION, key])
    for key, value in metadata.items():
        model.set_rt_info(value, [MODEL_API_SECTION, key])
    save_ir(model, path, fp16=fp16)


def save_ir(model: ov.Model, path: Path, *, fp16: bool) -> None:
    """Write a graph as `path` (.xml) with its .bin next to it. Raises UserError.

    The last convolutions are marked: a device that computes in bf16 computes them in float32. It costs no measurable
    time, and scores differ less than half as much.
    """
    for node in last_convolutions(model) + sums_of_taps(model):
        node.get_rt_info()[_COMPUTE_IN_F32] = ""
    if fp16:
        model = model.clone()
        _store_in_half_precision(model)
    write_sealed(model, path)


def write_sealed(model: ov.Model, path: Path) -> None:
    """Write a graph as it is, as `path` (.xml) with its .bin next to it. Raises UserError."""
    with write_together(path, path.with_suffix(".bin")) as (graph, weights):  # OpenVINO writes both
        try:
            ov.save_model(model, graph, compress_to_fp16=False)
            seal(graph, weights)
        except RuntimeError as error:  # how OpenVINO reports a full disk
            raise UserError(f"{path}: cannot be written ({first_line(error)})") from error


def _store_in_half_precision(model: ov.Model) -> None:
    """Replace the large float32 constants by float16 ones and their conversion, like `compress_to_fp16`.

    Small ones stay: biases, and the weights of depthwise convolutions, whose few values decide a whole channel. For
    `small` they are 3 % of the values, and scores differ by a thirtieth.
    """
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type() == ov.Type.f32 and node.data.size > _SMALL:
            values = np.clip(node.data, *_HALF).astype(np.float16)
            half = ops.constant(values)
            half.set_friendly_name(f"{node.get_friendly_name()}_compressed")  # as OpenVINO names it
            back = ops.convert(half, "f32")
            back.get_rt_info()[_DECOMPRESSION] = ""
            back.set_friendly_name(node.get_friendly_name())
            for port in list(node.output(0).get_target_inputs()):
                port.replace_source_output(back.output(0))


def _model_api(variant: Variant, size: int, threshold: float) -> dict[str, str]:
    """The metadata for Model API; none where it cannot open the file."""
    if variant.layout == PUBLISHED and variant != UNCHANGED:
        return {}
    metadata = {
        "model_type": "ssd",  # Model API's reader of outputs `boxes` and `labels`, and of `detection_out`
        "labels": " ".join(CLASSES),
        "resize_type": "standard",
        SHOWN_ABOVE: str(threshold),
        "reverse_input_channels": "False",
    }
    if variant.takes_pictures:  # otherwise it resizes by itself, and rounds differently
        metadata |= {"embedded_processing": "True", "orig_height": str(size), "orig_width": str(size)}
    return metadata
