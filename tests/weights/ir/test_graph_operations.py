"""The operations of a graph: every weight of the network belongs to one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.weights.ir.graph import fold_constants, read_model
from facedet.weights.ir.graph_operations import graph_operations


def used_numbers(path: Path) -> int:
    """How many numbers the operations of a graph hold: weights, shifts that are not 0, scales of normalizations."""
    used = 0
    for operation in graph_operations(fold_constants(read_model(path), from_onnx=False)).operations:
        constants = operation.content
        if operation.kind == "conv":
            used += constants.weight.size + (np.size(constants.shift) if np.any(constants.shift) else 0)
        elif operation.kind == "norm":
            used += np.size(constants.scale) + np.size(constants.shift)
    return used


def test_every_weight_of_a_graph_is_used(unfolded: dict[str, Path]) -> None:
    detector: Any = build_detector(load_config("tiny"))
    parameters, per_level = (sum(p.numel() for p in part.parameters()) for part in (detector, detector.bbox_head))
    scales = len(detector.bbox_head.scales)
    folded = sum(m.num_features for m in detector.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert used_numbers(unfolded["fp32"]) == parameters - folded - scales + (scales - 1) * (per_level - scales)


@pytest.mark.full
def test_every_weight_of_the_published_graph_is_used(standin: Path) -> None:
    per_level, scales = 1_483_531, 5  # the head's parameters occur once for each of five levels; scales are folded
    used = used_numbers(standin / "face-detection-0206.xml")
    assert used == 63_788_363 - 75_712 - scales + 4 * (per_level - scales)
