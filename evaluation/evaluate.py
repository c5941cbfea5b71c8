"""How good a model is on a set: the metrics of COCO, WIDER FACE and the published card."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.progress import Progress, silent
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.structures import Detections, Photo
from facedet.core.evaluation.metrics.coco import average_precision
from facedet.core.evaluation.metrics.curve import Curve
from facedet.core.evaluation.metrics.faces import HEIGHTS, Case, worst_false_positives, worst_misses
from facedet.core.evaluation.metrics.heights import ap64_curve, height_curve
from facedet.core.evaluation.metrics.wider import WiderTruth, read_truth, wider_curves
from facedet.core.evaluation.predictions import NO_DETECTIONS, read_predictions, select_predictions, wider_name
from facedet.core.export.interface import SHOW_ABOVE
from facedet.core.inference.predict import predict
from facedet.core.inference.session import open_session

METRICS = ("coco", "wider", "ap64")


@dataclass(frozen=True)
class HeightAP:
    """AP at IoU 0.5 over the faces from `lowest` to below `highest` pixels of height; None where there is none."""

    lowest: float
    highest: float
    faces: int
    ap: float | None


@dataclass(frozen=True)
class Evaluation:
    """What was measured. metrics: by name, values in 0..1. curves: by name, for drawing.

    photos: what it was measured on, empty where official ground truth alone was given; names, detections: `event/file`
    of each picture and what was found in it. images_per_second: of reading and computing.
    """

    source: str
    metrics: dict
    curves: dict[str, Curve]
    heights: list[HeightAP]
    misses: list[Case]
    alarms: list[Case]
    photos: list[Photo] = field(repr=False)
    names: list[str] = field(repr=False)
    detections: list[Detections] = field(repr=False)
    left_out: list[str]
    images_per_second: float | None = None

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        cases = {
            name: [{"file_name": self.photos[c.photo].path.name, "bbox": _xywh(c.box), "score": c.score} for c in cases]
            for name, cases in (("worst_misses", self.misses), ("worst_false_alarms", self.alarms))
        }
        heights = [
            {"from": h.lowest, "below": None if np.isinf(h.highest) else h.highest, "faces": h.faces, "ap50": h.ap}
            for h in self.heights
        ]
        head = {"source": self.source, "images": len(self.detections), "images_per_second": self.images_per_second}
        return {**self.metrics, **head, "ap50_by_height": heights, **cases, "left_out": self.left_out}


def evaluate(
    model: Path | None,
    source: DatasetSource | None,
    *,
    predictions: Path | None = None,
    wider_ground_truth: Path | None = None,
    metrics: Sequence[str] = (),
    progress: Progress = silent,
) -> Evaluation:
    """Measure a model, or predictions on disk, on a set. Raises UserError.

    metrics: some of METRICS; all that what is given allows, if empty. wider_ground_truth: folder of the four official
    .mat files; with predictions it needs no set and no pictures.
    """
    unknown = [m for m in metrics if m not in METRICS]
    if unknown:
        raise UserError(f"--metrics {' '.join(unknown)}: give some of {' '.join(METRICS)}")
    if (model is None) == (predictions is None):
        raise UserError("give a model to evaluate, or --predictions, not both")
    truth = read_truth(wider_ground_truth) if wider_ground_truth else None
    if source is None and (truth is None or predictions is None):
        raise UserError("give a set, or --predictions with --wider-ground-truth")
    if "wider" in metrics and truth is None:
        raise UserError("wider needs --wider-ground-truth, the folder of the four official .mat files")
    if "coco" in metrics and source is None:
        raise UserError("coco needs a set: the official ground truth alone holds no sizes of pictures")
    faces = read_dataset(source) if source else None
    photos = list(faces.photos) if faces else []
    left_out = list(faces.skipped) if faces else []
    speed = None
    if predictions:
        by_name = read_predictions(predictions)
        paths = [p.path for p in photos] if source else [Path(f"{name}.jpg") for name in (truth.names if truth else [])]
        detections, without = select_predictions(by_name, paths, predictions)
        if without:
            left_out.append(
                f"{predictions}: has none for {without} of {len(paths)} pictures, whose faces count as missed"
            )
    else:
        assert model is not None
        session = open_session(model)
        began = time.monotonic()
        detections, unreadable = predict(session, [p.path for p in photos], progress)
        speed = len(photos) / (time.monotonic() - began)
        left_out += unreadable.values()
        detections = [d for k, d in enumerate(detections) if k not in unreadable]
        photos = [p for k, p in enumerate(photos) if k not in unreadable]
    wanted = metrics or [m for m in METRICS if (m != "coco" or source) and (m != "wider" or truth)]
    return measure(str(model or predictions), photos, detections, truth, wanted, left_out, speed)


def measure(
    name: str,
    photos: list[Photo],
    detections: list[Detections],
    truth: WiderTruth | None,
    wanted: Sequence[str],
    left_out: Sequence[str] = (),
    speed: float | None = None,
) -> Evaluation:
    """Metrics and curves of detections: one for each photo or, without photos, for each name of the ground truth."""
    metrics: dict = {}
    curves: dict[str, Curve] = {}
    boxes = [p.boxes for p in photos] if photos else (truth.boxes if truth else [])
    ignored = [p.ignored for p in photos] if photos else None
    if "wider" in wanted and truth:
        in_order, without = _in_order_of(truth, photos, detections)
        curves |= wider_curves(truth, in_order)
        if without:
            told = (
                f"{without} of WIDER FACE's {len(truth.names)} pictures are not in the set: their faces count as missed"
            )
            left_out = [*left_out, told]
        metrics["wider"] = {setting: curves[setting].area for setting in curves}
    if "ap64" in wanted:
        curves["faces from 64 pixels"] = ap64_curve(boxes, detections, ignored)
        metrics["ap64"] = curves["faces from 64 pixels"].area
    if "coco" in wanted:
        metrics["coco"] = average_precision(photos, detections)
    curves["all faces"] = height_curve(boxes, detections, 0, np.inf, ignored)
    heights = []
    for lowest, highest in pairwise(HEIGHTS):
        tall = [((b[:, 3] - b[:, 1] >= lowest) & (b[:, 3] - b[:, 1] < highest)) for b in boxes]
        count = sum(int((t if ignored is None else t & ~ignored[k]).sum()) for k, t in enumerate(tall))
        ap = height_curve(boxes, detections, lowest, highest, ignored).area if count else None
        heights.append(HeightAP(lowest, highest, count, ap))
    misses = worst_misses(photos, detections, SHOW_ABOVE) if photos else []
    alarms = worst_false_positives(photos, detections) if photos else []
    names = [wider_name(p.path) for p in photos] if photos else (truth.names if truth else [])
    return Evaluation(name, metrics, curves, heights, misses, alarms, photos, names, detections, list(left_out), speed)


def _in_order_of(truth: WiderTruth, photos: list[Photo], detections: list[Detections]) -> tuple[list[Detections], int]:
    """The detections in the official order, and how many of its pictures the set has not."""
    if not photos:
        return detections, 0
    by_name = {wider_name(p.path): d for p, d in zip(photos, detections, strict=True)}
    if not by_name.keys() & set(truth.names):
        raise UserError(f"none of the set's pictures is one of WIDER FACE val (it has {next(iter(by_name), 'none')})")
    return [by_name.get(name, NO_DETECTIONS) for name in truth.names], len(set(truth.names) - by_name.keys())


def _xywh(box: np.ndarray) -> list[float]:
    x1, y1, x2, y2 = (float(v) for v in box)
    return [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]
