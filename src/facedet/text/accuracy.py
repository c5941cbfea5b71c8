"""Accuracy as text for the terminal: evaluation, comparison of two models, the published card."""

from collections.abc import Sequence

from facedet.data.classes import describe_classes
from facedet.evaluation.compare import Comparison
from facedet.evaluation.evaluate import Evaluation
from facedet.evaluation.evaluation_report import metric_rows
from facedet.evaluation.metrics.heights import height_range
from facedet.evaluation.reproduce import CardFigure
from facedet.text.columns import columns
from facedet.text.thresholds import threshold_lines


def evaluation_table(done: Evaluation) -> str:
    """Metrics in per cent, then AP by face height."""
    speed = f", {done.images_per_second:.1f} images/s" if done.images_per_second else ""
    head = f"{done.source}: {len(done.photos)} images{speed}" if done.photos else done.source
    rows = [("face height, px", "faces", "AP50")]
    for h in done.heights:
        rows.append(
            (height_range(h.lowest, h.highest), f"{h.faces:,}", "none" if h.ap is None else f"{100 * h.ap:.1f} %")
        )
    classes = describe_classes(done.photos)
    computed = [f"computed on {done.runtime}"] if done.runtime else []
    lines = [head, *computed, *([classes] if classes else []), columns(metric_rows(done.metrics)), "", columns(rows)]
    lines += ["", *threshold_lines(done.thresholds)]
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def comparison_table(done: Comparison) -> str:
    """The faces that the second model gained and lost, by face height."""
    rows = [("face height, px", "faces", "both", "gained", "lost")]
    for r in done.sizes:
        rows.append((height_range(r.lowest, r.highest), f"{r.faces:,}", f"{r.both:,}", f"{r.gained:,}", f"{r.lost:,}"))
    first, second = (len(each) for each in done.false_positives)
    head = f"{len(done.photos)} images, from {done.first} to {done.second}"
    lines = [head, *dict.fromkeys(f"computed on {each}" for each in done.runtimes), columns(rows)]
    lines += [f"faces: {len(done.gained)} gained, {len(done.lost)} lost; false positives: {first} before, {second} now"]
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def card_table(figures: Sequence[CardFigure]) -> str:
    """Each figure of the published card, measured and published."""
    rows = [("face-detection-0206", "measured", "published")]
    return columns(rows + [(f.name, f"{f.measured:.3f}", f"{f.published:.3f}") for f in figures])
