"""Export of one checkpoint: ONNX, and OpenVINO IR converted from that ONNX."""

import datetime
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from mmengine.config import Config

from facedet.core.common.errors import UserError
from facedet.core.common.progress import Progress, silent
from facedet.core.detector.config import config_name, network_to_json
from facedet.core.detector.model import build_detector
from facedet.core.export.fold import fold_layers
from facedet.core.export.network import DeployedDetector
from facedet.core.export.to_ir import write_ir
from facedet.core.export.to_onnx import write_onnx
from facedet.core.weights.checkpoint import load_weights, read_checkpoint, sha256

FORMATS = {"onnx": "detector.onnx", "fp32": "detector-fp32.xml", "fp16": "detector-fp16.xml"}


def export(
    checkpoint: str | Path,
    folder: str | Path,
    formats: str | Sequence[str] = tuple(FORMATS),
    progress: Progress = silent,
    *,
    fold: bool = True,
) -> dict[str, Path]:
    """Write the requested formats into `folder` under the names in FORMATS. Returns their paths. Raises UserError.

    fold: combine linear layers, which gives the same function with fewer operations; without, the graph is the released
    model's, and `import` can read it.
    """
    formats = [formats] if isinstance(formats, str) else formats
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise UserError(f"--formats {' '.join(unknown)}: give one or more of {' '.join(FORMATS)}")
    network, size, facts = load_network(Path(checkpoint))
    facts["folded"] = "yes" if fold else "no"
    if fold:
        network = DeployedDetector(fold_layers(network.detector))
    paths = {name: Path(folder) / FORMATS[name] for name in FORMATS if name in formats}
    with tempfile.TemporaryDirectory() as scratch:
        onnx_file = paths.get("onnx", Path(scratch) / FORMATS["onnx"])
        for name in progress(["onnx", *(n for n in paths if n != "onnx")], "export"):
            if name == "onnx":
                write_onnx(network, size, facts, onnx_file)
            else:
                write_ir(onnx_file, facts, paths[name], fp16=name == "fp16")
    return paths


def load_network(checkpoint: Path) -> tuple[DeployedDetector, int, dict[str, str]]:
    """Load a checkpoint: the network to export, its input size, and the facts to store in exports. Raises UserError."""
    config, state = read_checkpoint(checkpoint)
    detector = build_detector(config)
    load_weights(detector, state, str(checkpoint))
    return DeployedDetector(detector), config.input_size, _facts(config, checkpoint)


def _facts(config: Config, checkpoint: Path) -> dict[str, str]:
    return {
        "version": version("facedet"),
        "config": config_name(config),
        "network": network_to_json(config),
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": sha256(checkpoint),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "score_threshold": str(config.model.test_cfg.score_thr),
    }
