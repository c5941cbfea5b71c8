"""Quantization of an exported IR to INT8 by NNCF: the network in INT8, pre- and post-processing in float."""

import contextlib
import datetime
import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import numpy as np
import openvino as ov

from facedet.common.errors import UserError, first_line
from facedet.common.evenly import evenly
from facedet.common.files import sha256
from facedet.common.progress import Progress, silent
from facedet.data.image import read_image, to_tensor
from facedet.export.graph_parts import convolutions, group_normalizations, outside_network
from facedet.export.to_ir import save_ir
from facedet.weights.graph_facts import SECTION
from facedet.weights.ir.graph import core, read_facts, read_model, stored_precision
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint, point_of_export

_MOST_IMAGES = 300  # to calibrate on
_RANKED_IMAGES = 20  # on which NNCF ranks the layers, if some have to stay in float
Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]  # image [1, 3, h, w] -> outputs `boxes` and `labels`


class Judge(Protocol):
    """Measures how much accuracy a network loses by quantization, on a number of `images`."""

    images: int

    def drop(self, run: Run, images: Sequence[int]) -> tuple[float, list[float]]:
        """The largest drop of any figure (0..1) on these images together, and on each alone. images: their indices."""
        ...


def quantize(
    ir: Path,
    images: Sequence[Path],
    target: Path,
    *,
    judge: Judge | None = None,
    max_drop: float = 0.0,
    progress: Progress = silent,
) -> None:
    """Quantize a float32 IR and write `target` (.xml and .bin). Raises UserError.

    images: files to calibrate on; of more than 300, some are chosen evenly. judge: harmful layers stay in float until
    the drop is at most `max_drop` or no layer is left: check the result.
    """
    model = read_model(ir)
    if stored_precision(model) != "f32":
        raise UserError(f"{ir}: its weights are stored in {stored_precision(model)}; give the checkpoint or an FP32 IR")
    chosen = evenly(images, _MOST_IMAGES)
    size = tuple(model.input(0).shape)[2:]
    with _nncf() as nncf, _reading(chosen, size, progress) as read:
        options = {
            "calibration_dataset": nncf.Dataset(chosen, read),
            "subset_size": len(chosen),
            "preset": nncf.QuantizationPreset.PERFORMANCE,
            "target_device": nncf.TargetDevice.CPU,
            "ignored_scope": nncf.IgnoredScope(names=outside_network(model) + group_normalizations(model)),
        }
        # 7 bits of each weight: sums of products of 8 bits overflow on processors without VNNI
        advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
        try:
            if judge is None:
                quantized = nncf.quantize(model, advanced_parameters=advanced, **options)
            else:
                quantized = _quantize_within(
                    nncf, model, judge, max_drop, options | {"advanced_quantization_parameters": advanced}
                )
        except UserError:
            raise
        except Exception as error:  # NNCF's own errors have no common type
            raise UserError(f"{ir}: NNCF cannot quantize it ({first_line(error)})") from error
    for key, value in (_facts(ir, len(chosen), quantized) | _unmeasured_point(ir, model)).items():
        quantized.set_rt_info(value, [SECTION, key])
    save_ir(quantized, target, fp16=False)


def _quantize_within(nncf: Any, model: ov.Model, judge: Judge, max_drop: float, options: dict) -> ov.Model:
    def validate(run: Run, images: Sequence[int]) -> tuple[float, list[float]]:
        drop, each = judge.drop(run, list(images))
        return 1 - drop, [1 - one for one in each]  # 1 for the float network: NNCF divides by its metric

    restorer = nncf.AdvancedAccuracyRestorerParameters(ranking_subset_size=min(judge.images, _RANKED_IMAGES))
    return nncf.quantize_with_accuracy_control(
        model,
        validation_dataset=nncf.Dataset(range(judge.images)),
        validation_fn=validate,
        max_drop=max_drop,
        advanced_accuracy_restorer_parameters=restorer,
        **options,
    )


@contextmanager
def _reading(
    images: Sequence[Path], size: tuple[int, int], progress: Progress
) -> Iterator[Callable[[Path], np.ndarray]]:
    """A function that reads an image. Shows how many it has read, and after all of them that NNCF is at work."""
    parts = (images, "calibrate"), ([None], "quantize")
    steps = (each for items, description in parts for each in progress(items, description))
    uncounted = iter(images)  # NNCF reads some of them again
    next(steps)

    def read(path: Path) -> np.ndarray:
        image = to_tensor(read_image(path), size)
        if next(uncounted, None):
            next(steps)
        return image

    try:
        yield read
    finally:
        for _ in steps:
            pass


def _facts(ir: Path, images: int, quantized: ov.Model) -> dict[str, str]:
    kinds = [_weight_type(node) for node in convolutions(quantized)]
    return {
        "quantized": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "quantized_from": ir.name,
        "quantized_from_sha256": sha256(ir.with_suffix(".bin")),
        "calibration_images": str(images),
        "nncf": version("nncf"),
        "preset": "performance",
        "float_convolutions": f"{len(kinds) - kinds.count('i8')} of {len(kinds)}",
    }


def _unmeasured_point(ir: Path, model: ov.Model) -> dict[str, str]:
    """The fact that states the float network's threshold, without figures: INT8 may have others."""
    if not (point := point_of_export(read_facts(ir, model), ir)):
        return {}
    own = OperatingPoint(point.threshold, chosen="that of the float model, not measured in INT8")
    return {OPERATING_POINT: own.to_json()}


def _weight_type(convolution: ov.Node) -> str:
    node = convolution.input_value(1).get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return node.get_element_type().get_type_name()


@contextmanager
def _nncf() -> Iterator[Any]:
    """NNCF on one instance of OpenVINO, without its terminal output and its usage reports over the network."""
    os.environ.setdefault("NNCF_CI", "1")
    import nncf

    nncf.set_log_level(logging.ERROR)
    # NNCF creates many instances of OpenVINO: see `core`
    one_instance = patch.multiple(ov, Core=core, compile_model=core().compile_model)
    with one_instance, contextlib.redirect_stdout(io.StringIO()):
        yield nncf
