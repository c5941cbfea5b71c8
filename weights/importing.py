"""The published model back into training: a snapshot or a graph comes in, a checkpoint of this project goes out."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from mmengine.config import Config

from facedet.core.common.errors import UserError
from facedet.core.common.files import check_writable
from facedet.core.common.progress import Progress, silent
from facedet.core.data.image import find_images, read_image, to_tensor
from facedet.core.data.synthetic import draw_image
from facedet.core.detector.config import config_name, load_config, network_facts
from facedet.core.detector.model import Detector, build_detector
from facedet.core.weights.checkpoint import FACTS, load_weights, sha256, write_torch_file
from facedet.core.weights.ir.calibrate import calibrate
from facedet.core.weights.ir.graph import BeforeNms, read_facts, read_folded, read_model, read_network, stored_precision
from facedet.core.weights.ir.proof import EXACT, ROUNDED, Distance, as_stored, distance
from facedet.core.weights.ir.recover import recover
from facedet.core.weights.snapshot import read_snapshot

RELEASED = "face_detection_0206"
ORIGIN = "origin"  # the key of a checkpoint's `meta` that says what it was imported from
_PROOFS = 3  # drawn pictures


@dataclass(frozen=True)
class Origin:
    """Where imported weights come from. form: `snapshot`, or precision and kind of a graph, such as `f32 IR`.

    files: SHA-256 by name. frozen_norms: batch norms whose statistics the source has not; training keeps them in eval
    mode. calibrated_on: photographs that gave them new ones; left_out: why some did not. proof, proof_as_stored:
    largest difference from the graph before NMS, of the checkpoint, and of the network with its box weights and coder
    as the graph stores them.
    """

    form: str
    files: dict[str, str]
    config: str
    frozen_norms: int = 0
    calibrated_on: int = 0
    left_out: list[str] = field(default_factory=list)
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
    _check_names(source, target, calibrate_on)
    if source.suffix == ".pth":
        described = load_config(config or RELEASED)
        detector = build_detector(described)
        load_weights(detector, read_snapshot(source), str(source))
        origin = Origin("snapshot", {source.name: sha256(source)}, config_name(described))
    else:
        detector, described, origin = _from_graph(source, config, calibrate_on, progress)
    meta = {FACTS: network_facts(described), ORIGIN: asdict(origin)}
    write_torch_file({"meta": meta, "state_dict": detector.state_dict()}, target)
    return origin


def _check_names(source: Path, target: Path, calibrate_on: Path | None) -> None:
    if not source.is_file():
        raise UserError(f"{source}: no such file")
    if source.suffix not in (".pth", ".xml", ".onnx"):
        hint = f"; give {source.with_suffix('.xml').name}" if source.suffix == ".bin" else ""
        raise UserError(f"{source}: neither a snapshot (.pth) nor an IR (.xml) nor an ONNX file (.onnx){hint}")
    if target.suffix != ".pth":
        raise UserError(f"{target}: the name of a checkpoint ends in .pth")
    if target.exists() and target.samefile(source):
        raise UserError(f"{target}: would replace what is imported; give another name")
    if calibrate_on and source.suffix == ".pth":
        raise UserError(f"{source}: needs no --calibrate; a snapshot holds its batch norms' statistics")
    check_writable(target.parent)


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
    load_weights(detector, found.state, str(path))
    detector.data_preprocessor.mean.copy_(torch.tensor(found.mean).view(-1, 1, 1))
    described.model.data_preprocessor.mean = found.mean
    described.model.backbone.norm_eval = not (found.statistics or photographs)

    graph = BeforeNms(model, path)
    drawn = [to_tensor(draw_image(np.random.default_rng(k))[0], size) for k in range(_PROOFS)]
    stored = distance(as_stored(detector, found.copies, precision), graph, progress(drawn, "prove"))
    _judge(stored, EXACT, path)
    left_out: list[str] = []
    seen = calibrate(detector, _readable(progress(photographs, "calibrate"), size, left_out)) if photographs else 0
    proof = distance(detector, graph, progress(drawn, "prove again"))
    _judge(proof, EXACT if precision == "f32" else ROUNDED, path)
    norms = sum(name.endswith("running_mean") for name in found.state)
    files = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    origin = Origin(
        form=f"{precision} {'IR' if path.suffix == '.xml' else 'ONNX'}",
        files={file.name: sha256(file) for file in files},
        config=config_name(described),
        frozen_norms=norms if described.model.backbone.norm_eval else 0,
        calibrated_on=seen,
        left_out=left_out,
        proof=proof,
        proof_as_stored=stored,
    )
    return detector, described, origin


def _readable(paths: Iterable[Path], size: int, left_out: list[str]) -> Iterator[torch.Tensor]:
    """The photographs that can be read, as the network takes them; UserError at the end if there was none."""
    seen = 0
    for path in paths:
        try:
            image = read_image(path)
        except UserError as error:
            left_out.append(str(error))
            continue
        seen += 1
        yield torch.from_numpy(to_tensor(image, size))
    if not seen:
        raise UserError(left_out[0])


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
    named = None if config else read_network(read_facts(path, model), path)
    described = named or load_config(config or RELEASED)
    if len(model.inputs) != 1:
        raise UserError(f"{path}: has {len(model.inputs)} inputs, a detector has one")
    wanted = [1, 3, described.input_size, described.input_size]
    given = model.input(0).partial_shape
    if given.is_dynamic or list(given.to_shape()) != wanted:
        raise UserError(f"{path}: takes {given}, the network of {config_name(described)} {wanted}")
    return described
