"""Thresholds as text for the terminal."""

from facedet.evaluation.metrics.calibration import BINS
from facedet.evaluation.thresholds import ThresholdRow, Thresholds
from facedet.text.columns import columns

_OPTIMISTIC = "chosen on these images, so optimistic"
_WITH_CHOICE = "the intervals are those for other images of the same kind"


def threshold_lines(done: Thresholds) -> list[str]:
    """The rates at the model's own score or at the one that was looked for, the table of scores, the calibration."""
    rows = [done.own_row, *([done.found] if done.found not in (None, done.own_row) else [])]
    head = [done.own, *(in_words(row) for row in rows if row), *done.notes]
    return [*head, "", columns(threshold_table(done)), *calibration_lines(done)]


def in_words(row: ThresholdRow) -> str:
    """`score 0.41: precision 99.1 % (97.8 to 99.7), recall 93.2 % (90.1 to 95.6), 0.02 false alarms an image`."""
    rates = ", ".join(f"{name} {rate(row, name)}" for name in ("precision", "recall"))
    why = f" ({', '.join(row.why)})" if row.why else ""
    line = f"score {row.threshold:g}{why}: {rates}, {rate(row, 'false_alarms')} false alarms an image"
    notes = [_OPTIMISTIC] * row.optimistic + [_WITH_CHOICE] * row.includes_choice
    return "; ".join([line, *notes])


def threshold_table(done: Thresholds) -> list[tuple[str, ...]]:
    """A head and a row for each score, by falling score."""
    names = ("precision", "recall", "f1", "false_alarms")
    head = ("score above", "precision", "recall", "F1", "false alarms an image", "")
    return [head, *((f"{r.threshold:g}", *(rate(r, name) for name in names), _marks(r)) for r in done.rows)]


def rate(row: ThresholdRow, name: str) -> str:
    """A rate with its interval."""
    value, limits = row.values[name], row.intervals[name]
    if value is None:
        return "none"
    if name == "false_alarms":
        return f"{value:.2g}" + (f" ({limits[0]:.2g} to {limits[1]:.2g})" if limits else "")
    return f"{100 * value:.1f} %" + (f" ({100 * limits[0]:.1f} to {100 * limits[1]:.1f})" if limits else "")


def calibration_lines(done: Thresholds) -> list[str]:
    """How far scores are from probabilities."""
    if done.calibration.error is None:
        return []
    shown = "" if done.shown_error is None else f", {done.shown_error:.2f} of the shown boxes"
    error = f"expected calibration error {done.calibration.error:.2f} of all detections{shown}"
    return [f"scores are not probabilities: {error} ({BINS} bins of equal width)"]


def _marks(row: ThresholdRow) -> str:
    return ", ".join([*row.why, *(["optimistic"] if row.optimistic else [])])
