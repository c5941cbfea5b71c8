"""The operations of the published graph."""

from pathlib import Path

import numpy as np

from facedet.weights.ir.graph import fold_constants, read_model
from facedet.weights.ir.graph_operations import graph_operations


def test_every_weight_of_the_published_graph_is_used(standin: Path) -> None:
    used = 0
    model = fold_constants(read_model(standin / "face-detection-0206.xml"), from_onnx=False)
    for operation in graph_operations(model).operations:
        constants = operation.content
        if operation.kind == "conv":
            used += constants.weight.size + (np.size(constants.shift) if np.any(constants.shift) else 0)
        elif operation.kind == "norm":
            used += np.size(constants.scale) + np.size(constants.shift)
    per_level, scales = 1_483_531, 5  # the head's parameters occur once for each of five levels; scales are folded
    assert used == 63_788_363 - 75_712 - scales + 4 * (per_level - scales)
