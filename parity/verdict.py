"""Two models' detections compared and judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facedet.core.inference.session import Session, to_detections
from facedet.core.parity.levels import LevelDifference
from facedet.core.parity.matching import match
from facedet.core.parity.tolerances import FAINT_OFF, TOLERANCES, Tolerance


@dataclass(frozen=True)
class Difference:
    """How the second model's detections differ from the first's, over all pictures.

    matched, only_first, only_second: boxes of any score. The largest and mean differences are those of the `judged`
    pairs, whose score is above the tolerance's `faint`. faint: boxes up to that score, in pairs or alone; faint_off:
    those among them without a partner within the tolerance.
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


@dataclass(frozen=True)
class Pair:
    """The reference against one other model. reasons: why they do not agree, empty if they do.

    levels: values before NMS, where the reference was named as such.
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


def compare(reference: Session, other: Session, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Pair:
    """Judge the rows [n, 6] of each picture that `other` gave against those of the reference."""
    tolerance = TOLERANCES["f16" if "f16" in (reference.weights, other.weights) else "f32"]
    difference = measure(first, second, tolerance)
    threshold = other.threshold if reference.threshold is None else reference.threshold
    reasons = _judge(difference, tolerance)
    for name, rows in (("reference", first), (other.kind, second)):
        reasons += [f"{name}: {reason}" for reason in _malformed(rows, threshold, tolerance)]
    return Pair(
        reference=str(reference.path),
        model=str(other.path),
        kind=other.kind,
        weights=other.weights,
        precision=other.precision,
        tolerance=tolerance,
        difference=difference,
        reasons=reasons,
    )


def measure(first: Sequence[np.ndarray], second: Sequence[np.ndarray], allowed: Tolerance) -> Difference:
    """Match picture by picture and sum up; rows [n, 6] as sessions give them."""
    px, apart, score, lone = [], [], [], []
    only_first = only_second = 0
    for x, y in zip(first, second, strict=True):
        a, b = to_detections(x), to_detections(y)
        matched = match(a, b)
        i, j = matched.pairs.T
        px.append(np.abs(a.boxes[i] - b.boxes[j]))
        apart.append(np.abs(a.scores[i] - b.scores[j]))
        score.append(np.maximum(a.scores[i], b.scores[j]))
        lone += [a.scores[matched.only_first], b.scores[matched.only_second]]
        only_first += len(matched.only_first)
        only_second += len(matched.only_second)
    all_px, all_apart, all_score, all_lone = (np.concatenate(x) for x in (px, apart, score, lone))
    faint = all_score <= allowed.faint
    off = (all_px.max(axis=1, initial=0) > allowed.px) | (all_apart > allowed.score)
    return Difference(
        matched=len(all_score),
        only_first=only_first,
        only_second=only_second,
        highest_unmatched=float(all_lone.max(initial=0)),
        judged=int((~faint).sum()),
        max_px=float(all_px[~faint].max(initial=0)),
        mean_px=_mean(all_px[~faint]),
        max_score=float(all_apart[~faint].max(initial=0)),
        mean_score=_mean(all_apart[~faint]),
        faint=int(faint.sum() + (all_lone <= allowed.faint).sum()),
        faint_off=int((faint & off).sum() + (all_lone <= allowed.faint).sum()),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0


def _judge(d: Difference, allowed: Tolerance) -> list[str]:
    reasons = []
    if d.judged == 0:
        reasons.append(f"nothing detected by both above a score of {allowed.faint:g}: nothing is shown")
    if d.highest_unmatched > allowed.faint:
        reasons.append(f"a box of score {d.highest_unmatched:.3f} has no partner")
    if d.max_px > allowed.px:
        reasons.append(f"coordinates differ by {d.max_px:.3g} px")
    if d.max_score > allowed.score:
        reasons.append(f"scores differ by {d.max_score:.2g}")
    if d.faint_off > max(FAINT_OFF * d.faint, 2):  # a single near tie leaves one lone box on each side
        reasons.append(f"{d.faint_off} of {d.faint} boxes up to a score of {allowed.faint:g} lack a partner")
    return reasons


def _malformed(rows: Sequence[np.ndarray], threshold: float | None, allowed: Tolerance) -> list[str]:
    reasons = []
    if not all(np.isfinite(r).all() for r in rows):
        reasons.append("values that are not finite")
    if any((r[:, 5] != 0).any() for r in rows):
        reasons.append("labels other than 0, the face")
    if any((np.diff(r[:, 4]) > 0).any() for r in rows):
        reasons.append("rows are not sorted by falling score, zeros last")
    lowest = min((float(s.min()) for s in (to_detections(r).scores for r in rows) if len(s)), default=1.0)
    if threshold is not None and lowest < threshold - allowed.score:
        reasons.append(f"a score of {lowest:.4f} was kept, under the threshold of {threshold:g}")
    return reasons
