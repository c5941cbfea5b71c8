"""An evaluation for people: curves, figures by size, the worst misses and false alarms."""

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.files import write_beside, write_json
from facedet.core.common.page import as_jpeg, in_base64, write_page
from facedet.core.data.image import read_image, write_png
from facedet.core.data.structures import Detections, Photo
from facedet.core.evaluation.evaluate import Evaluation
from facedet.core.evaluation.metrics.curve import Curve
from facedet.core.evaluation.metrics.faces import Case
from facedet.core.inference.draw import AMBER, RED, draw_boxes, grid

matplotlib.use("Agg")
from matplotlib import pyplot as plt

_SIDE = 320  # pixels of a shown cut-out


def write_evaluation(done: Evaluation, folder: Path) -> Path:
    """Write evaluation.json, curves.png, worst.png (misses, then false alarms), evaluation.html; returns the page."""
    write_json(done.as_dict(), folder / "evaluation.json")
    with write_beside(folder / "curves.png") as beside:
        beside.write_bytes(draw_curves(done.curves))
    misses, alarms = (
        cut_outs(done.photos, cases, colour) for cases, colour in ((done.misses, RED), (done.alarms, AMBER))
    )
    if misses or alarms:
        write_png(grid([*misses, *alarms], columns=5), folder / "worst.png")
    return write_page(
        Path(__file__).with_name("evaluation.html"),
        folder / "evaluation.html",
        done=done,
        rows=metric_rows(done.metrics),
        curves=in_base64((folder / "curves.png").read_bytes()),
        misses=[(as_jpeg(i), done.photos[c.photo].path.name, c) for i, c in zip(misses, done.misses, strict=True)],
        alarms=[(as_jpeg(i), done.photos[c.photo].path.name, c) for i, c in zip(alarms, done.alarms, strict=True)],
    )


def metric_rows(metrics: dict) -> list[tuple[str, str]]:
    """Names and values of metrics for a table, in per cent."""
    rows = []
    for name, value in metrics.items():
        inner = value if isinstance(value, dict) else {"": value}
        rows += [(f"{name} {k}".strip(), "none" if v is None else f"{100 * v:.3f} %") for k, v in inner.items()]
    return rows


def draw_curves(curves: dict[str, Curve]) -> bytes:
    """Precision over recall, one line each, as PNG."""
    figure, axes = plt.subplots(figsize=(7, 4.6), dpi=120)
    for name, curve in curves.items():
        axes.plot(curve.recall, curve.precision, label=f"{name}: AP {100 * curve.area:.1f} %")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()


def cut_outs(photos: Sequence[Photo], cases: Sequence[Case], colour: tuple[int, int, int]) -> list[np.ndarray]:
    """Each case with its surroundings, uint8 [side, side, 3] BGR, its box drawn."""
    shown = []
    for case in cases:
        try:
            image = read_image(photos[case.photo].path)
        except UserError:  # it was there when the predictions were made
            image = np.full((1, 1, 3), 235, np.uint8)
        x1, y1, x2, y2 = case.box.clip(-max(image.shape), 2 * max(image.shape))
        half = max(x2 - x1, y2 - y1, 40) * 1.25
        left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
        side = max(round(2 * half), 1)
        canvas = np.full((side, side, 3), 235, np.uint8)
        a, b = max(top, 0), max(left, 0)
        c, d = min(top + side, image.shape[0]), min(left + side, image.shape[1])
        if a < c and b < d:
            canvas[a - top : c - top, b - left : d - left] = image[a:c, b:d]
        scale = _SIDE / side
        canvas = cv2.resize(canvas, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        box = (case.box - [left, top, left, top]) * scale
        shown.append(
            draw_boxes(canvas, Detections(box[None], np.array([np.nan if case.score is None else case.score])), colour)
        )
    return shown
