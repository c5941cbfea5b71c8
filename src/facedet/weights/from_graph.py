"""From an exported graph to the network with its weights: recover them and prove that both compute the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch
from mmengine.config import Config

from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.common.progress import Progress, Tell, step
from facedet.configs import RELEASED
from facedet.data.image import to_tensor
from facedet.data.synthetic import draw_image
from facedet.detector.config import config_name, load_config, network_config
from facedet.detector.model import Detector, build_detector, check_runs
from facedet.weights.checkpoint import load_weights
from facedet.weights.graph_facts import read_network
from facedet.weights.ir.calibrate import calibrate
from facedet.weights.ir.distance import TOLERANCE_F16, TOLERANCE_F32, Distance
from facedet.weights.ir.graph import (
    BeforeNms,
    fold_constants,
    read_facts,
    read_model,
    rounds_small_constants,
    stored_precision,
)
from facedet.weights.ir.proof import as_stored, distance
from facedet.weights.ir.recover import recover
from facedet.weights.origin import Origin

_PROOF_IMAGES = 3


def detector_from_graph(
    path: Path, config: str | Path | None, images: Sequence[Path], progress: Progress, tell: Tell
) -> tuple[Detector, Config, Origin]:
    """The network of a graph with its weights, its config, and where it comes from. Raises UserError.

    images: to measure running statistics for batch normalization on; may be empty. Other arguments: `import_weights`.
    """
    model = read_model(path)
    _refuse_folded(read_facts(path, model), path)
    precision = _precision(model, path)
    network = _network_config(model, config, path)
    size = network.input_size
    with step(progress, "recover"):
        detector = build_detector(network)
        check_runs(detector, str(path))
        recovered = recover(detector, size, fold_constants(model, from_onnx=path.suffix == ".onnx"), path, precision)
        load_weights(detector, recovered.state, str(path))
    detector.data_preprocessor.mean.copy_(torch.tensor(recovered.mean).view(-1, 1, 1))
    network.model.data_preprocessor.mean = recovered.mean
    _freeze_norms(network, detector, not (recovered.has_statistics or images), path)

    graph = BeforeNms(model, path)
    drawn = [to_tensor(draw_image(np.random.default_rng(k))[0], (size, size)) for k in range(_PROOF_IMAGES)]
    stored = distance(
        as_stored(detector, recovered.copies, rounds_small_constants(model)), graph, progress(drawn, "compare")
    )
    _check_distance(stored, TOLERANCE_F32, path)
    left_out: list[str] = []
    seen = calibrate(detector, size, images, left_out, progress, tell) if images else 0
    proof = distance(detector, graph, progress(drawn, "compare again"))
    _check_distance(proof, TOLERANCE_F32 if precision == "f32" else TOLERANCE_F16, path)
    norms = sum(name.endswith("running_mean") for name in recovered.state)
    files = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    origin = Origin(
        form=f"{precision} {'IR' if path.suffix == '.xml' else 'ONNX'}",
        files={file.name: sha256(file) for file in files},
        config=config_name(network),
        frozen_norms=norms if network.model.backbone.get("norm_eval") else 0,
        calibrated_on=seen,
        left_out=left_out,
        proof=proof,
        proof_as_stored=stored,
    )
    return detector, network, origin


def _freeze_norms(network: Config, detector: Any, frozen: bool, path: Path) -> None:
    """Set in the config whether training keeps batch normalization in eval mode. Raises UserError if it cannot."""
    if hasattr(detector.backbone, "norm_eval"):
        network.model.backbone.norm_eval = frozen
    elif frozen:
        kind = network.model.backbone.type
        raise UserError(
            f"{path}: has no running statistics, and {kind} has no norm_eval; measure them: --calibrate IMAGES"
        )


def _check_distance(measured: Distance, allowed: Distance, path: Path) -> None:
    if not measured.within(allowed):
        raise UserError(f"{path}: the recovered network differs from the file by {measured}, allowed {allowed}")


def _refuse_folded(facts: dict[str, str], path: Path) -> None:
    if facts.get("folded") == "yes":
        checkpoint = f"{facts.get('checkpoint')} (sha256 {facts.get('checkpoint_sha256')})"
        raise UserError(
            f"{path}: a folded export: its layers are combined and cannot be separated; use the checkpoint that it was "
            f"made from, {checkpoint}, or export that with --no-fold"
        )


def _precision(model: ov.Model, path: Path) -> str:
    precision = stored_precision(model)
    quantised = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    if quantised or precision in ("i8", "u8"):
        raise UserError(
            f"{path}: is an INT8 file: its weights are rounded to 256 steps, which is too coarse for training; "
            "import the FP32 or FP16 file, and quantize again after training"
        )
    if precision not in ("f32", "f16"):
        raise UserError(f"{path}: its weights are stored in {precision}; import the FP32 or FP16 file")
    return precision


def _network_config(model: ov.Model, config: str | Path | None, path: Path) -> Config:
    """The config of the graph's network: the given one, the one that our exports store, or the released one."""
    stored = None if config else read_network(read_facts(path, model), path)
    network = network_config(stored, path) if stored else load_config(config or RELEASED)
    if len(model.inputs) != 1:
        raise UserError(f"{path}: has {len(model.inputs)} inputs, expected one")
    expected = [1, 3, network.input_size, network.input_size]
    shape = model.input(0).partial_shape
    if shape.is_dynamic or list(shape.to_shape()) != expected:
        difference = f"its input is {shape}, that of the config {config_name(network)} is {expected}"
        advice = (
            "import an export without --input, --layout and --batch" if stored else "give the right one with --config"
        )
        raise UserError(f"{path}: {difference}; {advice}")
    return network
