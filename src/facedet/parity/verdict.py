"""Compare the detections of two models and judge whether they agree."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facedet.inference.session import Session, to_detections
from facedet.parity.levels import LevelDifference
from facedet.parity.matching import match
from facedet.parity.tolerances import (
    ALIKE_IOU,
    LOW_SCORE_UNMATCHED_BOXES,
    LOW_SCORE_UNMATCHED_SHARE,
    TOLERANCES,
    Tolerance,
)


@dataclass(frozen=True)
class Difference:
    """Difference of a model's detections from the reference's, over all images.

    matched, only_first, only_second: number of boxes with any score. judged: number of matched pairs with a score above
    the tolerance's `faint`; the largest and mean differences are those of these pairs. faint: number of low-score
    boxes, matched pairs counted once; faint_off: how many of them have no match within the tolerance. shown: number of
    boxes with a score above `faint` in either model, matched pairs counted once; shown_alike: how many of them have a
    match with an IoU of at least ALIKE_IOU and a score within the tolerance. nms_choices: number of boxes that are not
    judged, because only NMS chose differently (`only_nms_differs`).
    """

    matched: int
    only_first: int
    only_second: int
    highest_unmatched: float
    judged: int
    max_px: float
    mean_px: float
    max_score: float
    mean_score: float
    faint: int
    faint_off: int
    shown: int
    shown_alike: int
    nms_choices: int = 0


@dataclass(frozen=True)
class Pair:
    """The reference compared with one other model.

    reasons: why they do not agree, empty if they do. levels: differences before NMS, empty without --reference.
    default_drift: for an IR, the difference in the device's default precision; not judged.
    """

    reference: str
    model: str
    kind: str
    weights: str
    precision: str
    tolerance: Tolerance
    difference: Difference
    reasons: list[str]
    levels: list[LevelDifference] = field(default_factory=list)
    default_precision: str = ""
    default_drift: Difference | None = None

    @property
    def agree(self) -> bool:
        return not self.reasons

    @property
    def notes(self) -> list[str]:
        if not (count := self.difference.nms_choices):
            return []
        return [f"{count} boxes differ only by a choice of NMS between nearly equal boxes; before NMS all agree"]


def compare(
    reference: Session,
    other: Session,
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    *,
    only_nms: bool = False,
    tolerance: Tolerance | None = None,
) -> Pair:
    """Compare and judge two models. first, second: rows [n, 6] of each image from the reference and from `other`.

    only_nms: differences of single boxes are known to come from a choice of NMS, and are counted but not judged.
    tolerance: if not that of the stored weights.
    """
    stored = (reference.weights, other.weights)
    tolerance = tolerance or TOLERANCES[next((kind for kind in ("i8", "f16") if kind in stored), "f32")]
    difference = measure(first, second, tolerance, only_nms=only_nms)
    threshold = other.threshold if reference.threshold is None else reference.threshold
    reasons = _judge(difference, tolerance)
    for name, rows in (("reference", first), (other.kind, second)):
        reasons += [f"{name}: {reason}" for reason in _malformed(rows, threshold, tolerance)]
    return Pair(
        reference=str(reference.path),
        model=str(other.path),
        kind=other.kind,
        weights=other.weights,
        precision=other.runtime.precision,
        tolerance=tolerance,
        difference=difference,
        reasons=reasons,
    )


def measure(
    first: Sequence[np.ndarray], second: Sequence[np.ndarray], allowed: Tolerance, *, only_nms: bool = False
) -> Difference:
    """Match the rows [n, 6] of each image and sum up the differences. only_nms: as for `compare`."""
    px, score_difference, score, iou, unmatched = [], [], [], [], []
    only_first = only_second = 0
    for first_rows, second_rows in zip(first, second, strict=True):
        a, b = to_detections(first_rows), to_detections(second_rows)
        matched = match(a, b)
        i, j = matched.pairs.T
        px.append(np.abs(a.boxes[i] - b.boxes[j]))
        score_difference.append(np.abs(a.scores[i] - b.scores[j]))
        score.append(np.maximum(a.scores[i], b.scores[j]))
        iou.append(matched.iou)
        unmatched += [a.scores[matched.only_first], b.scores[matched.only_second]]
        only_first += len(matched.only_first)
        only_second += len(matched.only_second)
    all_px, all_score_difference, all_scores, all_iou, all_unmatched = (
        np.concatenate(parts) for parts in (px, score_difference, score, iou, unmatched)
    )
    outside = (all_px.max(axis=1, initial=0) > allowed.px) | (all_score_difference > allowed.score)
    alike = (all_iou >= ALIKE_IOU) & (all_score_difference <= allowed.score)
    choices = int(outside.sum()) + len(all_unmatched) if only_nms else 0
    kept = ~outside if only_nms else np.ones_like(outside)
    all_unmatched = all_unmatched[:0] if only_nms else all_unmatched
    low_score, high_score = kept & (all_scores <= allowed.faint), kept & (all_scores > allowed.faint)
    low_score_unmatched = int((all_unmatched <= allowed.faint).sum())
    return Difference(
        matched=len(all_scores),
        only_first=only_first,
        only_second=only_second,
        highest_unmatched=float(all_unmatched.max(initial=0)),
        judged=int(high_score.sum()),
        max_px=float(all_px[high_score].max(initial=0)),
        mean_px=_mean(all_px[high_score]),
        max_score=float(all_score_difference[high_score].max(initial=0)),
        mean_score=_mean(all_score_difference[high_score]),
        faint=int(low_score.sum()) + low_score_unmatched,
        faint_off=int((low_score & outside).sum()) + low_score_unmatched,
        shown=int(high_score.sum() + (all_unmatched > allowed.faint).sum()),
        shown_alike=int((high_score & alike).sum()),
        nms_choices=choices,
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0


def _judge(difference: Difference, allowed: Tolerance) -> list[str]:
    d, reasons = difference, []
    if d.judged == 0:
        reasons.append(f"no matched boxes with a score above {allowed.faint:g}: nothing to compare")
    if allowed.share is not None:
        if d.shown_alike < allowed.share * d.shown:
            reasons.append(f"{d.shown_alike} of {d.shown} shown boxes are alike, allowed: {allowed}")
        return reasons
    if d.highest_unmatched > allowed.faint:
        reasons.append(f"a box with score {d.highest_unmatched:.3f} has no match")
    if d.max_px > allowed.px:
        reasons.append(f"coordinates differ by {d.max_px:.3g} px")
    if d.max_score > allowed.score:
        reasons.append(f"scores differ by {d.max_score:.2g}")
    if d.faint_off > max(LOW_SCORE_UNMATCHED_SHARE * d.faint, LOW_SCORE_UNMATCHED_BOXES):
        boxes = f"{d.faint_off} of {d.faint} boxes with a score up to {allowed.faint:g}"
        reasons.append(f"{boxes} have no match within the tolerance")
    return reasons


def _malformed(rows: Sequence[np.ndarray], threshold: float | None, allowed: Tolerance) -> list[str]:
    reasons = []
    if not all(np.isfinite(r).all() for r in rows):
        reasons.append("values that are not finite")
    if any((r[:, 5] != 0).any() for r in rows):
        reasons.append("labels other than 0 (face)")
    if any((np.diff(r[:, 4]) > 0).any() for r in rows):
        reasons.append("rows are not sorted by descending score, zero rows last")
    lowest = min((float(s.min()) for s in (to_detections(r).scores for r in rows) if len(s)), default=1.0)
    if threshold is not None and lowest < threshold - allowed.score:
        reasons.append(f"a detection has score {lowest:.4f}, below the threshold of {threshold:g}")
    return reasons
