"""Parts that the sessions of all formats share. None needs OpenVINO or torch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.weights.graph_facts import measure_preprocessing, read_network

Preprocessing = Callable[[np.ndarray], np.ndarray]  # image [1, 3, h, w] -> what the first convolution reads


def join_outputs(boxes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Join a model's outputs `boxes` [n, 5] and `labels` [n] to rows [n, 6]."""
    return np.column_stack([boxes, labels.astype(np.float32)])


def level_strides(facts: dict[str, str], path: Path) -> list[int]:
    """Strides of the levels by the facts of an export, finest first; empty if they do not state the network."""
    network = read_network(facts, path)
    return list(network.model["bbox_head"]["anchor_generator"]["strides"]) if network else []


def nms_rule(facts: dict[str, str], path: Path) -> dict[str, float] | None:
    """Keyword arguments of `postprocess` by the facts of an export, None if they do not state the network."""
    network = read_network(facts, path)
    if network is None:
        return None
    rule = network.model["test_cfg"]
    iou_threshold = rule["nms"]["iou_threshold"]
    return dict(score_threshold=rule["score_thr"], iou_threshold=iou_threshold, max_boxes=rule["max_per_img"])


def score_threshold(facts: dict[str, str], path: Path) -> float | None:
    """Score threshold by the facts of an export, None if they do not state it. Raises UserError."""
    try:
        return float(facts["score_threshold"]) if "score_threshold" in facts else None
    except ValueError as error:
        raise UserError(f"{path}: its score threshold '{facts['score_threshold']}' is not a number") from error


def subtracts_mean(preprocessing: Preprocessing, size: tuple[int, int]) -> bool:
    """Whether the preprocessing subtracts a mean, measured on images of a height and width."""
    _, offset = measure_preprocessing(preprocessing, size)
    return bool(np.abs(offset).max() > 1e-6)
