"""Import the published model: from a snapshot or an exported graph to a checkpoint that can be trained.

Needs torch only once the paths are known to be right.
"""

import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from facedet.common.errors import UserError
from facedet.common.evenly import evenly
from facedet.common.files import check_writable, sha256
from facedet.common.outputs import Input, Output, writing
from facedet.common.progress import Progress, Tell, silent, tell_nobody
from facedet.configs import RELEASED
from facedet.data.image import find_images
from facedet.detector.config_file import find_config
from facedet.weights.fetch import published_as
from facedet.weights.names import check_file
from facedet.weights.origin import ORIGIN, Origin
from facedet.weights.training_record import VERSION

if TYPE_CHECKING:
    from mmengine.config import Config

    from facedet.detector.model import Detector

CALIBRATION_IMAGES = 32  # enough: each image has 400 values or more of every channel


def import_weights(
    source: str | Path,
    target: str | Path,
    *,
    config: str | Path | None = None,
    calibrate_on: str | Path | None = None,
    calibrate_images: int = CALIBRATION_IMAGES,
    progress: Progress = silent,
    tell: Tell = tell_nobody,
    overwrite: bool = False,
) -> Origin:
    """Write the weights of `source` to `target` as a checkpoint. Raises UserError; then nothing is written.

    source: the released snapshot (.pth), or an IR (.xml) or ONNX file (.onnx) of this network in FP32 or FP16, but not
    a folded export.
    config: name or path; needed only if the network is not the released one and the file does not describe it.
    calibrate_on: folder of images on which to measure new running statistics for batch normalization; for graphs only.
    calibrate_images: how many of them are used; of more, every n-th by name. tell: called with how many images are used
    and how long that takes. overwrite: replace a target that no earlier import wrote, or that was changed since.
    """
    source, target, calibrate_on = Path(source), Path(target), Path(calibrate_on) if calibrate_on else None
    _check_paths(source, target, calibrate_on)
    find_config(config or RELEASED)
    images = _chosen(calibrate_on, calibrate_images, tell) if calibrate_on else []
    read = [Input(path) for path in (source, calibrate_on) if path]
    with writing("import", [Output(target)], read, overwrite=overwrite):
        return _import(source, target, config, images, progress, tell)


def _import(
    source: Path, target: Path, config: str | Path | None, images: list[Path], progress: Progress, tell: Tell
) -> Origin:
    check_writable(target.parent)
    from facedet.detector.config import network_to_json
    from facedet.weights.checkpoint import META_KEY
    from facedet.weights.torch_file import write_torch_file

    if source.suffix == ".pth":
        detector, network, origin = _from_snapshot(source, config or RELEASED)
    else:
        from facedet.weights.from_graph import detector_from_graph

        detector, network, origin = detector_from_graph(source, config, images, progress, tell)
    origin = replace(origin, published=published_as([source.with_name(name) for name in origin.files]))
    meta = {
        META_KEY: network_to_json(network),
        ORIGIN: asdict(origin),
        VERSION: version("face-detection-0206"),
        "time": time.strftime("%Y%m%d_%H%M%S"),
    }
    write_torch_file({"meta": meta, "state_dict": detector.state_dict()}, target)
    return origin


def _check_paths(source: Path, target: Path, calibrate_on: Path | None) -> None:
    check_file(source)
    if source.suffix not in (".pth", ".xml", ".onnx"):
        hint = f"; give {source.with_suffix('.xml').name}" if source.suffix == ".bin" else ""
        raise UserError(f"{source}: neither a snapshot (.pth) nor an IR (.xml) nor an ONNX file (.onnx){hint}")
    if target.suffix != ".pth":
        raise UserError(f"{target}: not the name of a checkpoint; give a name that ends in .pth")
    if calibrate_on and source.suffix == ".pth":
        raise UserError(f"{source}: a snapshot has its own running mean and variance; leave out --calibrate")


def _chosen(folder: Path, count: int, tell: Tell) -> list[Path]:
    """The images to calibrate on."""
    if count < 1:
        raise UserError(f"--calibrate-images {count}: give 1 or more")
    found = find_images(folder)
    if len(found) > count:
        tell(f"{folder}: {count} of its {len(found)} images are used; --calibrate-images N uses more")
    return evenly(found, count)


def _from_snapshot(path: Path, config: str | Path) -> "tuple[Detector, Config, Origin]":
    from facedet.detector.config import config_name, load_config
    from facedet.detector.model import build_detector
    from facedet.weights.checkpoint import load_weights
    from facedet.weights.snapshot import read_snapshot

    network = load_config(config)
    detector = build_detector(network)
    load_weights(detector, read_snapshot(path), str(path))
    return detector, network, Origin("snapshot", {path.name: sha256(path)}, config_name(network))
