"""The published model back into training: a snapshot or a graph comes in, a checkpoint of this project goes out."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from mmengine.config import Config

from data.errors import UserError
from data.image import find_images, read_image, to_tensor
from data.progress import Progress, silent
from data.synthetic import draw_picture
from detector.config import config_from_facts, config_name, load_config, network_facts
from detector.model import Detector, build_detector
from weights.calibrate import calibrate
from weights.checkpoint import FACTS, fill, sha256, write_file
from weights.from_graph import recover
from weights.graph import Dense, read_facts, read_folded, read_model, stored_precision
from weights.proof import EXACT, ROUNDED, Distance, as_stored, distance
from weights.snapshot import read_snapshot

RELEASED = "face_detection_0206"
ORIGIN = "origin"  # the key of a checkpoint's `meta` that says what it was imported from
_PROOFS = 3  # drawn pictures


@dataclass(frozen=True)
class Origin:
    """Where imported weights come from. form: `snapshot`, or precision and kind of a graph, such as `f32 IR`.

    files: SHA-256 by name. frozen_norms: batch norms whose statistics the source has not; training keeps them in eval
    mode. calibrated_on: photographs that gave them new ones. proof, proof_of_copies: largest difference from the graph
    before NMS, of the checkpoint, and of the network with its box weights and coder as the graph stores them.
    """

    form: str
    files: dict[str, str]
    config: str
    frozen_norms: int = 0
    calibrated_on: int = 0
    proof: Distance | None = None
    proof_as_stored: Distance | None = None


def import_weights(
    source: Path,
    target: Path,
    *,
    config: str | None = None,
    calibrate_on: Path | None = None,
    progress: Progress = silent,
) -> Origin:
    """Write the weights of `source` to `target` as a checkpoint. Raises UserError; then nothing is written.

    source: the released snapshot (.pth), or an IR (.xml) or ONNX file (.onnx) of this network in FP32 or FP16.
    config: name or path, where the network is neither the released one nor named in the file. calibrate_on: a folder
    of photographs that give a graph's batch norms their statistics again.
    """
    if target.suffix != ".pth":
        raise UserError(f"{target}: the name of a checkpoint ends in .pth")
    if source.suffix in (".xml", ".onnx"):
        detector, described, origin = _from_graph(source, config, calibrate_on, progress)
    elif calibrate_on:
        raise UserError(f"{source}: needs no --calibrate; a snapshot holds its batch norms' statistics")
    else:
        described = load_config(config or RELEASED)
        state = read_snapshot(source)
        detector = build_detector(described)
        fill(detector, state, str(source))
        origin = Origin("snapshot", {source.name: sha256(source)}, config_name(described))
    meta = {FACTS: network_facts(described), ORIGIN: asdict(origin)}
    write_file({"meta": meta, "state_dict": detector.state_dict()}, target)
    return origin


def _from_graph(
    path: Path, config: str | None, calibrate_on: Path | None, progress: Progress
) -> tuple[Detector, Config, Origin]:
    model = read_model(path)
    precision = _precision(model, path)
    described = _described(model, config, path)
    size = described.input_size
    photographs = find_images(calibrate_on) if calibrate_on else []
    detector = build_detector(described)
    found = recover(detector, size, read_folded(path), path, precision)
    described.model.data_preprocessor.mean = found.mean
    described.model.backbone.norm_eval = not (found.statistics or photographs)
    detector = build_detector(described)
    fill(detector, found.state, str(path))

    graph = Dense(model, path)
    drawn = [to_tensor(draw_picture(np.random.default_rng(k))[0], size) for k in range(_PROOFS)]
    stored = distance(as_stored(detector, found.copies, precision), graph, progress(drawn, "prove"))
    _judge(stored, EXACT, path)
    if photographs:
        tensors = (torch.from_numpy(to_tensor(read_image(p), size)) for p in progress(photographs, "calibrate"))
        calibrate(detector, tensors)
    proof = distance(detector, graph, progress(drawn, "prove again"))
    _judge(proof, EXACT if precision == "f32" else ROUNDED, path)
    norms = sum(name.endswith("running_mean") for name in found.state)
    origin = Origin(
        form=f"{precision} {'IR' if path.suffix == '.xml' else 'ONNX'}",
        files={file.name: sha256(file) for file in (path, path.with_suffix(".bin")) if file.is_file()},
        config=config_name(described),
        frozen_norms=norms if described.model.backbone.norm_eval else 0,
        calibrated_on=len(photographs),
        proof=proof,
        proof_as_stored=stored,
    )
    return detector, described, origin


def _judge(measured: Distance, allowed: Distance, path: Path) -> None:
    if not measured.within(allowed):
        raise UserError(f"{path}: what was recovered computes something else: off by {measured}, allowed {allowed}")


def _precision(model: ov.Model, path: Path) -> str:
    precision = stored_precision(model)
    quantised = any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())
    if quantised or precision in ("i8", "u8"):
        raise UserError(
            f"{path}: is an INT8 file: its weights are rounded to 256 steps, and training cannot go on from there; "
            "import the FP32 or FP16 file, and quantise again after training"
        )
    if precision not in ("f32", "f16"):
        raise UserError(f"{path}: stores its weights in {precision}; import the FP32 or FP16 file")
    return precision


def _described(model: ov.Model, config: str | None, path: Path) -> Config:
    """The config of the graph's network: the one given, the one in our own exports, or the released one."""
    facts = {} if config else read_facts(path, model)
    try:
        described = config_from_facts(facts["network"]) if "network" in facts else load_config(config or RELEASED)
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: its description of its network is damaged ({error})") from error
    wanted = [1, 3, described.input_size, described.input_size]
    given = model.input(0).partial_shape
    if len(model.inputs) != 1 or given.is_dynamic or list(given.to_shape()) != wanted:
        raise UserError(f"{path}: takes {given}, the network of {config_name(described)} {wanted}")
    return described
