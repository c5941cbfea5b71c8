"""Which threshold a model needs: the rates at several scores with their intervals, and the score for a target."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from facedet.common.errors import UserError
from facedet.evaluation.metrics.bootstrap import count_chunks
from facedet.evaluation.metrics.calibration import Calibration, calibration
from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.operating import (
    BEST_F1,
    ScoreCurve,
    Target,
    chosen_point,
    score_curve,
)
from facedet.evaluation.metrics.rate_intervals import NO_ERROR, Intervals, Sample
from facedet.weights.operating_point import OperatingPoint, in_words, threshold_of

OWN, DEFAULT = "the model's own", "the default"
_LISTED = np.array([0.05, *np.arange(1, 10) / 10])
_CANDIDATES = 100  # points among which a resample chooses


@dataclass(frozen=True)
class DetectorFacts:
    """What is known of the model that made the detections: its own point, None if it has none, and the score below
    which it gives no detection."""

    point: OperatingPoint | None = None
    lowest: float = 0.0

    @property
    def shown_above(self) -> float:
        return threshold_of(self.point)

    def was_chosen_on(self, dataset: str) -> bool:
        """Whether its threshold was chosen on the dataset with this fingerprint."""
        return self.point is not None and self.point.is_measured and self.point.dataset == dataset != ""


UNKNOWN = DetectorFacts()


@dataclass(frozen=True)
class ThresholdRow:
    """The rates at a threshold, by the names of `Rates`, with their 95 % intervals; None where there are none.

    why: what the threshold is, such as `best F1`. optimistic: whether it was chosen on these images. includes_choice:
    whether it was chosen now; the interval is then that of the rates on other images of the same kind.
    """

    threshold: float
    values: dict[str, float | None]
    intervals: Intervals
    why: list[str]
    optimistic: bool
    includes_choice: bool = False


@dataclass(frozen=True)
class Thresholds:
    """The result. images, faces: of the dataset, whose fingerprint has the digest `dataset`.

    rows: by falling threshold. own: the threshold of the model and what was measured with it, in words. target: what
    the caller wants. point: that meets it, None if none does. notes: whether the target is out of reach, or more than
    so few faces can show. shown_error: calibration error of the shown boxes.
    """

    images: int
    faces: int
    dataset: str
    rows: list[ThresholdRow]
    own: str
    target: Target
    point: OperatingPoint | None
    notes: list[str]
    curve: ScoreCurve = field(repr=False)
    calibration: Calibration = field(repr=False)
    shown_error: float | None

    @property
    def own_row(self) -> ThresholdRow:
        """The row of the model's own threshold, or of the default."""
        return next(row for row in self.rows if {OWN, DEFAULT} & {*row.why})

    @property
    def found(self) -> ThresholdRow | None:
        """The row of the threshold that meets the target, None if none does."""
        return next((row for row in self.rows if str(self.target) in row.why), None)

    def required_point(self) -> OperatingPoint:
        """The point. Raises UserError if no score meets the target."""
        if self.point is None:
            raise UserError("; ".join(self.notes))
        return self.point

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        bins = {name: getattr(self.calibration, name).tolist() for name in ("count", "score", "right")}
        error = {"expected_calibration_error": self.calibration.error, "of_shown_boxes": self.shown_error}
        return {
            "images": self.images,
            "faces": self.faces,
            "dataset": self.dataset,
            "own": self.own,
            "target": str(self.target),
            "point": asdict(self.point) if self.point else None,
            "notes": self.notes,
            "rows": [
                {"threshold": row.threshold, **row.values, "intervals": row.intervals, "why": row.why}
                | {"optimistic": row.optimistic}
                for row in self.rows
            ],
            "calibration": {**error, "bins_of_equal_width": bins},
        }


def measure_thresholds(
    matched: Sequence[Matched],
    faces: np.ndarray,
    detector: DetectorFacts = UNKNOWN,
    target: Target = BEST_F1,
    dataset: str = "",
    draws: Iterable[np.ndarray] | None = None,
) -> Thresholds:
    """Measure what `height_matches` found. target: what a threshold must give. dataset: `digest` of its fingerprint.
    draws: counts of resamples, as of `count_chunks`, empty for no intervals; None if all images
    differ."""
    draws = count_chunks([[k] for k in range(len(faces))]) if draws is None else draws
    curve = score_curve(matched, int(faces.sum()))
    best, point = (chosen_point(curve, goal, dataset, detector.lowest) for goal in (BEST_F1, target))
    chosen = {each.threshold: goal for goal, each in ((BEST_F1, best), (target, point)) if each}
    why: dict[float, list[str]] = {detector.shown_above: [OWN if detector.point else DEFAULT]}
    for threshold, words in ((each.threshold, each.chosen) for each in (best, point) if each):
        why[threshold] = list(dict.fromkeys([*why.get(threshold, []), words]))
    optimistic = {*chosen, *([detector.shown_above] if detector.was_chosen_on(dataset) else [])}
    thresholds = sorted({*_LISTED.tolist(), *why}, reverse=True)
    sample = Sample(matched, faces, _grid(curve, thresholds, detector.lowest), draws)
    intervals = sample.intervals(thresholds, chosen)
    rows = [
        ThresholdRow(each, sample.values(each), intervals[each], why.get(each, []), each in optimistic, each in chosen)
        for each in thresholds
    ]
    shown = sample.shown(point.threshold) if point else 0
    return Thresholds(
        images=len(matched),
        faces=int(faces.sum()),
        dataset=dataset,
        rows=rows,
        own=in_words(detector.point),
        target=target,
        point=point,
        notes=_notes(target, point, curve, shown),
        curve=curve,
        calibration=calibration(matched),
        shown_error=calibration(matched, detector.shown_above).error,
    )


def _grid(curve: ScoreCurve, thresholds: Sequence[float], lowest: float) -> np.ndarray:
    """The thresholds, and those among which resamples choose, falling."""
    points = np.unique(np.linspace(0, len(curve.scores) - 1, _CANDIDATES).astype(int)) if len(curve.scores) else []
    return np.unique([*thresholds, *(curve.threshold(int(point), lowest) for point in points)])[::-1]


def _notes(target: Target, point: OperatingPoint | None, curve: ScoreCurve, shown: int) -> list[str]:
    """Why a target is not met, or cannot be shown to be met by so few faces."""
    if not point:
        return [f"no score gives {target}: {target.missed(curve)}"]
    if target == BEST_F1:
        return []
    cases, of, allowed = curve.images, "images", target.max_false_alarms
    if target.min_precision is not None:
        cases, of, allowed = shown, "detections", 1 - target.min_precision
    elif target.min_recall is not None:
        cases, of, allowed = curve.faces, "faces", 1 - target.min_recall
    assert allowed is not None
    if allowed <= 0:
        return [f"no number of {of} can show {target}; it is met on these images"]
    if NO_ERROR / cases <= allowed * (1 + 1e-9):
        return []
    needed = int(np.ceil(round(NO_ERROR / allowed, 6)))
    return [f"{cases} {of} are too few to show {target}: this takes about {needed}, even without an error"]
