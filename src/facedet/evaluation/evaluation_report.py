"""Write an evaluation as JSON, as images and as an HTML report."""

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import write_beside
from facedet.common.page import as_jpeg, in_base64, write_report
from facedet.data.image import read_image, write_png
from facedet.data.structures import Detections, Photo
from facedet.evaluation.draws import MIN_FACES, MIN_IMAGES
from facedet.evaluation.evaluate import Evaluation
from facedet.evaluation.intervals import height_name
from facedet.evaluation.metrics.curve import Curve
from facedet.evaluation.metrics.faces import BoxInImage
from facedet.evaluation.threshold_plot import draw_thresholds
from facedet.inference.draw import AMBER, RED, draw_boxes, grid

matplotlib.use("Agg")
from matplotlib import pyplot as plt

_SIDE = 320  # pixels: width and height of a crop


def write_evaluation(evaluation: Evaluation, folder: Path) -> Path:
    """Write evaluation.json, curves.png, worst.png (missed faces, then false positives) and evaluation.html.

    Returns the path of the HTML file.
    """
    with write_beside(folder / "curves.png") as temporary:
        temporary.write_bytes(draw_curves(evaluation.curves))
    missed = draw_crops(evaluation.photos, evaluation.misses, RED)
    wrong = draw_crops(evaluation.photos, evaluation.false_positives, AMBER)
    if missed or wrong:
        write_png(grid([*missed, *wrong], columns=5), folder / "worst.png")
    return write_report(
        Path(__file__).with_name("evaluation.html"),
        folder,
        evaluation.as_dict(),
        about=evaluation.about,
        evaluation=evaluation,
        rows=metric_rows(evaluation.metrics),
        height_name=height_name,
        curves=in_base64((folder / "curves.png").read_bytes()),
        thresholds=evaluation.thresholds,
        scores=in_base64(draw_thresholds(evaluation.thresholds)),
        misses=_figures(evaluation, evaluation.misses, missed),
        false_positives=_figures(evaluation, evaluation.false_positives, wrong),
        slices=evaluation.slices,
        worst_slices=_worst_slices(evaluation),
        fewest_faces=MIN_FACES,
        fewest_images=MIN_IMAGES,
    )


def _worst_slices(evaluation: Evaluation) -> list[dict]:
    """Each of the worst slices, and the figures of its misses and false alarms."""
    drawn = []
    for worst in evaluation.slices.worst if evaluation.slices else []:
        boxes = [*worst.misses, *worst.false_positives]
        crops = [
            crop
            for of_kind, colour in ((worst.misses, RED), (worst.false_positives, AMBER))
            for crop in draw_crops(evaluation.photos, of_kind, colour)
        ]
        drawn.append({"slice": worst.slice, "figures": _figures(evaluation, boxes, crops)})
    return drawn


def _figures(
    evaluation: Evaluation, boxes: Sequence[BoxInImage], crops: Sequence[np.ndarray]
) -> list[tuple[str, str, BoxInImage]]:
    """The crop in base64, the file name and the box, for each box."""
    names = [evaluation.photos[box.image_index].path.name for box in boxes]
    return list(zip(map(as_jpeg, crops), names, boxes, strict=True))


def metric_rows(metrics: dict) -> list[tuple[str, str]]:
    """Rows of a table: the name and the value in per cent of each metric."""
    rows = []
    for name, value in metrics.items():
        inner = value if isinstance(value, dict) else {"": value}
        rows += [(f"{name} {k}".strip(), "none" if v is None else f"{100 * v:.3f} %") for k, v in inner.items()]
    return rows


def draw_curves(curves: dict[str, Curve]) -> bytes:
    """Plot precision over recall, one line per curve. Returns a PNG."""
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


def draw_crops(photos: Sequence[Photo], boxes: Sequence[BoxInImage], colour: tuple[int, int, int]) -> list[np.ndarray]:
    """Crop each box with its surroundings, uint8 [320, 320, 3] BGR, and draw it."""
    crops = []
    for box in boxes:
        try:
            image = read_image(photos[box.image_index].path)
        except UserError:  # stored predictions can be evaluated without the images
            image = np.full((1, 1, 3), 235, np.uint8)
        x1, y1, x2, y2 = box.box.clip(-max(image.shape), 2 * max(image.shape))
        half = max(x2 - x1, y2 - y1, 40) * 1.25
        left, top = round((x1 + x2) / 2 - half), round((y1 + y2) / 2 - half)
        side = max(round(2 * half), 1)
        scale = _SIDE / side
        in_crop = (box.box - [left, top, left, top]).clip(-side, 2 * side) * scale
        canvas = _square(image, left, top, side)
        score = np.nan if box.score is None else box.score
        crops.append(draw_boxes(canvas, Detections(in_crop[None], np.array([score])), colour))
    return crops


def _square(image: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """A square part of an image, resized to [320, 320, 3]; grey outside the image, of which it takes no memory."""
    canvas, scale = np.full((_SIDE, _SIDE, 3), 235, np.uint8), _SIDE / side
    begin, end = np.array([left, top]), np.array([left, top]) + side
    (x1, y1), (x2, y2) = np.maximum(begin, 0), np.minimum(end, image.shape[1::-1])
    if x1 < x2 and y1 < y2:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        across, down = (_interval(*ends, scale) for ends in ((x1 - left, x2 - left), (y1 - top, y2 - top)))
        size = across.stop - across.start, down.stop - down.start
        canvas[down, across] = cv2.resize(image[y1:y2, x1:x2], size, interpolation=interpolation)
    return canvas


def _interval(begin: int, end: int, scale: float) -> slice:
    """Pixels of the crop that show an interval; at least one."""
    first = min(round(begin * scale), _SIDE - 1)
    return slice(first, max(round(end * scale), first + 1))
