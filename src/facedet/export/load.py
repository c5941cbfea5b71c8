"""From a checkpoint to the network that is exported."""

import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmengine.config import Config

from facedet.common.files import sha256
from facedet.detector.config import config_name, load_config, network_to_json
from facedet.detector.model import build_detector, check_runs
from facedet.export.network import DeployedDetector
from facedet.weights.checkpoint import config_from_checkpoint, load_weights
from facedet.weights.operating_point import OPERATING_POINT, point_of_checkpoint
from facedet.weights.torch_file import read_torch_file
from facedet.weights.training_record import TRAINING, record_of


def load_network(checkpoint: Path, config: str | Path | None = None) -> tuple[DeployedDetector, int, dict[str, str]]:
    """Load a checkpoint: the network to export, its input size, and the facts to store in exports. Raises UserError.

    config: name or path of the config that it was trained with; needed only for a network with types other than this
    project's.
    """
    content = read_torch_file(checkpoint)
    network = config_from_checkpoint(content, checkpoint, load_config(config) if config else None)
    detector = build_detector(network)
    load_weights(detector, content["state_dict"], str(checkpoint))
    check_runs(detector, str(checkpoint))
    return DeployedDetector(detector), network.input_size, _facts(network, checkpoint, content["meta"])


def _facts(config: Config, checkpoint: Path, meta: dict[str, Any]) -> dict[str, str]:
    rule, training = config.model.test_cfg, record_of(meta, config_name(config))
    point = point_of_checkpoint(meta, checkpoint)
    return {
        "version": version("face-detection-0206"),
        "config": config_name(config),
        "network": network_to_json(config),
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": sha256(checkpoint),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "score_threshold": str(rule.score_thr),
        "iou_threshold": str(rule.nms.iou_threshold),
        "max_boxes": str(rule.max_per_img),
        **({TRAINING: training.to_json()} if training else {}),
        **({OPERATING_POINT: point.to_json()} if point else {}),
    }
