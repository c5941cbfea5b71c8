"""Verify that two models differ only where NMS had to choose between nearly equal boxes."""

from collections.abc import Callable, Sequence

import numpy as np

from facedet.export.postprocess import postprocess
from facedet.inference.session import Session, to_detections
from facedet.parity.matching import match
from facedet.parity.tolerances import TOLERANCES, allowed_before_nms
from facedet.parity.verdict import measure
from facedet.weights.ir.distance import Distance

_ALLOWED = TOLERANCES["f32"]


def only_nms_differs(
    models: Sequence[Session], rows: Sequence[Sequence[np.ndarray]], image: Callable[[int], np.ndarray]
) -> bool:
    """Whether two models with float32 weights give different boxes only because NMS chose differently.

    rows[model][k]: rows [n, 6] of image k; image(k): its tensor. Verified for each image with a difference: before NMS
    all boxes and scores agree, and each model's rows are what NMS in NumPy selects from its own boxes and scores.
    """
    rule = next((model.nms_rule for model in models if model.nms_rule), None)
    if rule is None or any(model.weights != "f32" for model in models):
        return False
    different = (k for k, pair in enumerate(zip(*rows, strict=True)) if _differ(*pair))
    return all(_proven(models, [each[k] for each in rows], image(k), rule) for k in different)


def _differ(first: np.ndarray, second: np.ndarray) -> bool:
    found = measure([first], [second], _ALLOWED)
    unmatched = found.only_first + found.only_second
    return bool(unmatched or found.faint_off or found.max_px > _ALLOWED.px or found.max_score > _ALLOWED.score)


def _proven(models: Sequence[Session], rows: Sequence[np.ndarray], image: np.ndarray, rule: dict[str, float]) -> bool:
    dense = [model.dense(image) for model in models]
    if dense[0][0].shape != dense[1][0].shape:
        return False
    px, score = (float(np.abs(a - b).max()) for a, b in zip(*dense, strict=True))
    follow = (follows_rule(found, values, rule) for found, values in zip(rows, dense, strict=True))
    return Distance(px, score).within(allowed_before_nms(_ALLOWED)) and all(follow)


def follows_rule(rows: np.ndarray, dense: Sequence[np.ndarray], rule: dict[str, float]) -> bool:
    """Whether `rows` are what NMS by the rule selects from `dense`, boxes and scores before NMS, up to rounding."""
    found, selected = to_detections(rows), postprocess(dense[0], dense[1], **rule)  # type: ignore[arg-type]
    expected = to_detections(np.column_stack([selected, np.zeros(len(selected))]))
    i, j = match(found, expected).pairs.T
    return (
        len(i) == len(found.scores) == len(expected.scores)
        and np.allclose(found.boxes[i], expected.boxes[j], rtol=0, atol=1e-3)
        and np.allclose(found.scores[i], expected.scores[j], rtol=0, atol=1e-6)
    )
