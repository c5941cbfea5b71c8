"""The distance of a detector and a graph."""

from pathlib import Path

import numpy as np
import pytest
import torch

from facedet.detector.config import load_config
from facedet.detector.model import build_detector, dense
from facedet.weights.ir.distance import TOLERANCE_F16
from facedet.weights.ir.proof import distance


@pytest.mark.parametrize("broken", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_graph_that_computes_no_numbers_is_far_away(broken: int, value: float, quick: Path) -> None:
    detector = build_detector(load_config(quick)).eval()
    images = [np.full((1, 3, 96, 96), level, np.float32) for level in (0, 100, 200)]

    def graph(image: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            outputs = [out[0].numpy().copy() for out in dense(detector, torch.from_numpy(image))]
        if image[0, 0, 0, 0] == 100:
            outputs[broken].flat[-1] = value
        return outputs

    assert distance(detector, graph, images[:1]).within(TOLERANCE_F16)
    assert not distance(detector, graph, images).within(TOLERANCE_F16)
