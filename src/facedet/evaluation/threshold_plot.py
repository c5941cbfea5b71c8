"""The picture of an evaluation's thresholds: precision over recall with scores on it, and a reliability diagram."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facedet.evaluation.thresholds import ThresholdRow, Thresholds

_MARKED, _LISTED = "tab:red", "tab:blue"


def draw_thresholds(done: Thresholds) -> bytes:
    """Plot both. Returns a PNG."""
    figure = Figure(figsize=(10, 4.4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_curve(left, done)
    _draw_reliability(right, done)
    for axes in (left, right):
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        axes.legend(loc="best", fontsize="small")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_curve(axes: Axes, done: Thresholds) -> None:
    axes.plot(done.curve.rates.recall, done.curve.rates.precision, color=_LISTED, linewidth=1, label="all scores")
    listed, marked = ([row for row in done.rows if bool(row.why) == has_reason] for has_reason in (False, True))
    _draw_points(axes, listed, _LISTED, "o")
    _draw_points(axes, marked, _MARKED, "D")
    axes.set(xlabel="recall", ylabel="precision", title="precision over recall, with scores")


def _draw_points(axes: Axes, rows: list[ThresholdRow], colour: str, marker: str) -> None:
    for row in rows:
        x, y = row.values["recall"], row.values["precision"]
        label = f"{row.threshold:g}: {', '.join(row.why)}" if row.why else None
        if x is not None and y is not None:
            axes.plot(x, y, color=colour, marker=marker, markersize=4, label=label, linestyle="")
            beside = (4, -11 if row.why else 4)  # points
            text = f"{row.threshold:g}"
            axes.annotate(text, (x, y), beside, textcoords="offset points", color=colour, fontsize="x-small")


def _draw_reliability(axes: Axes, done: Thresholds) -> None:
    bins = done.calibration
    filled = np.flatnonzero(bins.count)
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="if scores were probabilities")
    axes.plot(bins.score[filled], bins.right[filled], color=_LISTED, marker="o", markersize=4, label="this model")
    axes.set(xlabel="score", ylabel="share of right detections", title="reliability")
