"""Accuracy as text for the terminal: evaluation, comparison of two models, the published card."""

from collections.abc import Sequence

from facedet.data.classes import describe_classes
from facedet.evaluation.compare import Comparison
from facedet.evaluation.evaluate import Evaluation
from facedet.evaluation.evaluation_report import metric_rows
from facedet.evaluation.intervals import height_name
from facedet.evaluation.metrics.heights import height_range
from facedet.evaluation.reproduce import CardFigure
from facedet.text.columns import columns
from facedet.text.slices import compared_slices_table, slices_table
from facedet.text.thresholds import threshold_lines


def evaluation_table(done: Evaluation) -> str:
    """Metrics in per cent, then AP by face height."""
    speed = f", {done.images_per_second:.1f} images/s" if done.images_per_second else ""
    head = f"{done.source}: {len(done.photos)} images{speed}" if done.photos else done.source
    rows = [("face height, px", "faces", "AP50", *_interval_head(done))]
    for h in done.heights:
        ap = "none" if h.ap is None else f"{100 * h.ap:.1f} %"
        name = height_name(h.lowest, h.highest)
        rows.append((height_range(h.lowest, h.highest), f"{h.faces:,}", ap, *_interval(done, name)))
    metrics = [(*row, *_interval(done, row[0])) for row in metric_rows(done.metrics)]
    classes = describe_classes(done.photos)
    computed = [f"computed on {done.runtime}"] if done.runtime else []
    lines = [head, *computed, *([classes] if classes else []), columns(metrics), "", columns(rows)]
    lines += [str(done.intervals.draws)] if done.intervals else []
    lines += ["", *threshold_lines(done.thresholds)]
    lines += ["", slices_table(done.slices)] if done.slices else []
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def _interval_head(done: Evaluation) -> list[str]:
    return ["95 % interval"] if done.intervals else []


def _interval(done: Evaluation, name: str) -> list[str]:
    return [done.intervals.words(name)] if done.intervals else []


def comparison_table(done: Comparison) -> str:
    """The faces that the second model gained and lost, by face height."""
    rows = [("face height, px", "faces", "both", "gained", "lost")]
    for r in done.sizes:
        rows.append((height_range(r.lowest, r.highest), f"{r.faces:,}", f"{r.both:,}", f"{r.gained:,}", f"{r.lost:,}"))
    first, second = (len(each) for each in done.false_positives)
    head = f"{len(done.photos)} images, from {done.first} to {done.second}"
    lines = [head, *dict.fromkeys(f"computed on {each}" for each in done.runtimes), columns(rows)]
    lines += [f"faces: {len(done.gained)} gained, {len(done.lost)} lost; false positives: {first} before, {second} now"]
    if done.paired:
        titles = ("", "first", "second", "difference", "95 % interval")
        lines += ["", columns([titles, *done.paired.rows()]), done.paired.note]
        lines += [f"is the second better, by AP? {done.paired.verdict}"]
    lines += ["", compared_slices_table(done.slices)] if done.slices else []
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def card_table(figures: Sequence[CardFigure]) -> str:
    """Each figure of the published card, measured and published."""
    rows = [("face-detection-0206", "measured", "published")]
    return columns(rows + [(f.name, f"{f.measured:.3f}", f"{f.published:.3f}") for f in figures])
