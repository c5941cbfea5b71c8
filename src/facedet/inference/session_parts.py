"""Parts that the sessions of all formats share. None needs OpenVINO or torch."""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError, one_line
from facedet.weights.graph_facts import measure_preprocessing, read_network
from facedet.weights.training_record import TRAINING, TrainingRecord

_MADE, _LONGEST = ("config", "checkpoint", "checkpoint_sha256"), 200  # characters
Preprocessing = Callable[[np.ndarray], np.ndarray]  # image [1, 3, h, w] -> what the first convolution reads


def join_outputs(path: Path, boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Join the outputs `boxes` [n, 5] and `labels` [n] of the model `path` to rows [n, 6]. Raises UserError."""
    if len(boxes) != len(labels):
        raise UserError(f"{path}: computes {len(boxes)} boxes, but {len(labels)} labels; give a detector")
    return np.column_stack([boxes, labels.astype(np.float32)])


def level_strides(facts: dict[str, str], path: Path) -> list[int]:
    """Strides of the levels by the facts of an export, finest first; empty if they do not state the network."""
    network = read_network(facts, path)
    return network.strides if network else []


def nms_rule(facts: dict[str, str], path: Path) -> dict[str, float] | None:
    """Keyword arguments of `postprocess` by the facts of an export, None if they do not state the network."""
    network = read_network(facts, path)
    if network is None:
        return None
    score_threshold, iou_threshold, max_boxes = network.selection
    return dict(score_threshold=score_threshold, iou_threshold=iou_threshold, max_boxes=max_boxes)


def score_threshold(facts: dict[str, str], path: Path) -> float | None:
    """Score threshold by the facts of an export, None if they do not state it. Raises UserError."""
    if "score_threshold" not in facts:
        return None
    try:
        threshold = float(facts["score_threshold"])
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= 1:
        raise UserError(
            f"{path}: its score threshold {ascii(facts['score_threshold'])[:60]} is not a number from 0 to 1"
        )
    return threshold


def how_made(facts: dict[str, str]) -> dict[str, str]:
    """The facts of a model that say how it was made, by name; empty if it is of another program. Damage to those about
    the training is no error: reports are made without them."""
    own = {name: facts[name] for name in _MADE if name in facts}
    with suppress(ValueError):
        own |= TrainingRecord.from_json(facts[TRAINING]).facts() if TRAINING in facts else {}
    return {name: one_line(value)[:_LONGEST] for name, value in own.items()}


def subtracts_mean(preprocessing: Preprocessing, size: tuple[int, int]) -> bool:
    """Whether the preprocessing subtracts a mean, measured on images of a height and width."""
    _, offset = measure_preprocessing(preprocessing, size)
    return bool(np.abs(offset).max() > 1e-6)
