"""Conversion from torch to ONNX."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch

from facedet.common.files import write_beside
from facedet.export.interface import BOXES, INPUT, LABELS, SCORES
from facedet.export.network import DenseDetector, DeployedDetector, onnx_translation
from facedet.weights.graph_facts import SECTION
from facedet.weights.seal import seal

_OPSET = 18


def write_onnx(network: DeployedDetector, size: int, facts: dict[str, str], path: Path, batch: int = 1) -> None:
    """Trace the network for `batch` images of `size` x `size` and write a checked ONNX file.

    facts: stored in its metadata.
    """
    example = torch.zeros(batch, 3, size, size)
    second = SCORES if isinstance(network, DenseDetector) else LABELS
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            opset_version=_OPSET,
            input_names=[INPUT],
            output_names=[BOXES, second],
            custom_translation_table=onnx_translation(),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {f"{SECTION}_{key}": value for key, value in facts.items()})
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
