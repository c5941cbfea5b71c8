"""Conversion from torch to ONNX: for any size, and from that for one size."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from onnxscript import optimizer

from facedet.common.files import write_beside
from facedet.export.interface import BOXES, INPUT, LABELS, SCORES
from facedet.export.network import DenseDetector, DeployedDetector, onnx_translation
from facedet.weights.graph_facts import SECTION
from facedet.weights.seal import seal

_OPSET, _IR_VERSION = 18, 8  # the oldest version of ONNX's format that has this opset


def write_onnx(network: DeployedDetector, facts: dict[str, str], path: Path, batch: int = 1) -> None:
    """Trace the network for `batch` images and write a checked ONNX file for images of any size.

    facts: stored in the file's metadata.
    """
    # unequal sides, of several cells on each level: torch.export takes a side of 1, or two equal ones, for constants
    example = torch.zeros(batch, 3, 2 * network.stride, 3 * network.stride)
    second = SCORES if isinstance(network, DenseDetector) else LABELS
    above = network.stride + 1  # a level of one cell is a case of its own for torch.export; the graph takes it too
    sides = {axis: torch.export.Dim(name, min=above) for axis, name in ((2, "height"), (3, "width"))}
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT],
            output_names=[BOXES, second],
            dynamic_shapes=(sides,),
            custom_translation_table=onnx_translation(),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    model.ir_version = _IR_VERSION
    onnx.helper.set_model_props(model, {f"{SECTION}_{key}": value for key, value in facts.items()})
    _save(model, path)


def fix_size(source: Path, size: int, path: Path) -> None:
    """Write an ONNX file for `size` x `size` only, with all that follows from the size computed."""
    model = onnx.load(source)
    for side in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        side.dim_value = size
    del model.graph.value_info[:]  # shapes of any size
    with _quiet():
        _save(optimizer.optimize(model), path)


def _save(model: onnx.ModelProto, path: Path) -> None:
    with write_beside(path) as temporary:
        onnx.save(model, temporary)
        seal(temporary)
        onnx.checker.check_model(str(temporary), full_check=True)


@contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
