"""Measure accuracy on a dataset with the metrics of COCO, WIDER FACE and the published model card."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent, step
from facedet.common.report_facts import ReportedDataset, ReportedModel, ReportFacts, digests, report_facts
from facedet.data.dataset import DatasetSource, check_source, read_dataset
from facedet.data.fingerprint import fingerprint
from facedet.data.reported import reported_dataset
from facedet.data.structures import NO_DETECTIONS, Detections, Photo
from facedet.evaluation.attributes import divide_by_attributes, every_division, read_table
from facedet.evaluation.draws import Draws, Prints, keep_prints, read_prints
from facedet.evaluation.image_facts import FactsOfPhotos
from facedet.evaluation.intervals import Intervals, evaluation_intervals
from facedet.evaluation.metrics.bootstrap import RESAMPLES
from facedet.evaluation.metrics.coco import average_precision
from facedet.evaluation.metrics.curve import Curve, curve_of
from facedet.evaluation.metrics.faces import BoxInImage, false_positives, missed_faces
from facedet.evaluation.metrics.heights import HEIGHT_EDGES, ap64_curve, height_curve, height_matches
from facedet.evaluation.metrics.operating import BEST_F1, Target
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth, read_truth, wider_curves
from facedet.evaluation.predictions import match_predictions, read_predictions, wider_image_name
from facedet.evaluation.slices import Slices, measure_slices
from facedet.evaluation.thresholds import UNKNOWN, DetectorFacts, Thresholds, measure_thresholds
from facedet.inference.predict import each_of, predict
from facedet.inference.reported import reported_model
from facedet.inference.runtime import Runtime
from facedet.inference.session import check_model, open_session

METRICS = ("coco", "wider", "ap64")


@dataclass(frozen=True)
class HeightAP:
    """AP at IoU 0.5 over faces with a height from `lowest` to below `highest` pixels; None if there are no such
    faces."""

    lowest: float
    highest: float
    faces: int
    ap: float | None


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    source: the model or the stored predictions. metrics: values in 0..1 by metric name. curves: by name, for plots.
    thresholds: the rates at several scores. misses: the largest missed faces, at the model's own threshold.
    false_positives: those with the highest scores. photos: the evaluated images; empty if only the official ground
    truth was given. names, detections: `event/file` and the detections of each image.
    left_out: images and boxes that were not used, and why. images_per_second: of reading and inference together.
    runtime: what the model computed on, None for stored predictions. intervals: of the figures; None if not asked for.
    slices: the figures in groups of faces; None without a dataset or intervals. about: what was measured, and how.
    """

    source: str
    metrics: dict
    curves: dict[str, Curve]
    heights: list[HeightAP]
    thresholds: Thresholds
    misses: list[BoxInImage]
    false_positives: list[BoxInImage]
    photos: list[Photo] = field(repr=False)
    names: list[str] = field(repr=False)
    detections: list[Detections] = field(repr=False)
    left_out: list[str]
    images_per_second: float | None = None
    runtime: Runtime | None = None
    intervals: Intervals | None = None
    about: ReportFacts | None = None
    slices: Slices | None = None

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        worst = {"worst_misses": self.misses, "worst_false_alarms": self.false_positives}
        heights = [
            {"from": h.lowest, "below": None if np.isinf(h.highest) else h.highest, "faces": h.faces, "ap50": h.ap}
            for h in self.heights
        ]
        head: dict = {
            "source": self.source,
            "images": len(self.detections),
            "images_per_second": self.images_per_second,
            "runtime": asdict(self.runtime) if self.runtime else None,
            "intervals": self.intervals.as_dict() if self.intervals else None,
        }
        boxes = {key: [self._box_as_dict(box) for box in listed] for key, listed in worst.items()}
        tables = {"ap50_by_height": heights, "thresholds": self.thresholds.as_dict()}
        tail = {
            name: part.as_dict() if part else None for name, part in (("slices", self.slices), ("about", self.about))
        }
        return {**self.metrics, **head, **tables, **boxes, "left_out": self.left_out, **tail}

    def _box_as_dict(self, box: BoxInImage) -> dict:
        x1, y1, x2, y2 = map(float, box.box)
        xywh = [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)]
        return {"file_name": self.photos[box.image_index].path.name, "bbox": xywh, "score": box.score}


def evaluate(
    model: str | Path | None,
    source: DatasetSource | str | Path | None,
    *,
    predictions: str | Path | None = None,
    wider_ground_truth: str | Path | None = None,
    metrics: Sequence[str] = (),
    target: Target = BEST_F1,
    progress: Progress = silent,
    config: str | Path | None = None,
    device: str | None = None,
    resamples: int = RESAMPLES,
    attributes: str | Path | None = None,
) -> Evaluation:
    """Evaluate a model, or stored predictions, on a dataset (or just its path). Raises UserError.

    metrics: some of METRICS; empty for all that the inputs allow. wider_ground_truth: folder of the four official .mat
    files. predictions: as for `read_predictions`; with wider_ground_truth they need no dataset and no images. target:
    what a threshold must give. config: of a checkpoint, as for `load_network`. device: as for `open_session`.
    resamples: of the images, for the intervals and the slices; 0 for none. attributes: a CSV file, as for
    `read_attributes`.
    """
    model, predictions, wider_ground_truth = (Path(p) if p else None for p in (model, predictions, wider_ground_truth))
    source = DatasetSource.of(source, "val") if source else None
    _check_arguments(model, source, predictions, wider_ground_truth, metrics)
    if model:
        check_model(model, config=config, device=device)
    if source:
        check_source(source)
    if attributes and not source:
        raise UserError(f"--attributes {attributes}: needs a dataset, whose images it is about")
    table = read_table(attributes, resamples)
    truth = read_truth(wider_ground_truth) if wider_ground_truth else None
    dataset = read_dataset(source, progress) if source else None
    photos = list(dataset.photos) if dataset else []
    left_out = list(dataset.skipped) if dataset else []
    if table:
        divide_by_attributes(table, photos)  # to know what is wrong with it before the model runs
    speed = runtime = None
    prints: Prints = {}
    of_pixels: list[np.ndarray] = []
    facts = UNKNOWN
    if predictions:
        measured = ReportedModel(str(predictions), digests(predictions) if predictions.is_file() else {})
        names = truth.names if truth else []
        paths = [p.path for p in photos] if dataset else [Path(f"{name}.jpg") for name in names]
        detections, missing = match_predictions(read_predictions(predictions), paths, predictions)
        if missing:
            left_out.append(
                f"{predictions}: no detections for {missing} of {len(paths)} images; their faces count as missed"
            )
    else:
        assert model is not None
        session = open_session(model, config=config, device=device)
        facts = DetectorFacts(session.operating_point, session.threshold or 0.0)
        runtime, measured = session.runtime, reported_model(session, facts.shown_above)
        started, pixels = time.monotonic(), FactsOfPhotos(photos)
        look = each_of(keep_prints(prints), pixels.look) if resamples else None
        detections, unreadable = predict(session, [p.path for p in photos], progress, look)
        speed = len(photos) / (time.monotonic() - started)
        left_out += unreadable.values()
        detections = [d for k, d in enumerate(detections) if k not in unreadable]
        photos = [p for k, p in enumerate(photos) if k not in unreadable]
        of_pixels = pixels.of(photos) if resamples else []
    wanted = metrics or [m for m in METRICS if (m != "coco" or source) and (m != "wider" or truth)]
    paths = [p.path for p in photos] or [Path(name) for name in (truth.names if truth else [])]
    draws = Draws.of(paths, prints or read_prints(paths, progress), resamples) if resamples else None
    with step(progress, "measure"):
        done = evaluate_detections(
            str(model or predictions), photos, detections, truth, wanted, left_out, speed, facts, target, draws or ()
        )
    if draws:
        with step(progress, "resample"):
            done = replace(done, intervals=evaluation_intervals(photos, detections, truth, wanted, draws))
        if source:
            divisions, notes = every_division(photos, of_pixels, table)
            with step(progress, "slices"):
                slices = measure_slices(photos, detections, divisions, facts.shown_above, draws)
            done = replace(done, slices=slices, left_out=[*done.left_out, *notes])
    sets = [reported_dataset(source, photos)] if source else []
    if wider_ground_truth:
        sets.append(ReportedDataset(str(wider_ground_truth), role="official ground truth"))
    return replace(done, runtime=runtime, about=report_facts([measured], sets))


def _check_arguments(
    model: Path | None,
    source: DatasetSource | None,
    predictions: Path | None,
    wider_ground_truth: Path | None,
    metrics: Sequence[str],
) -> None:
    unknown = [m for m in metrics if m not in METRICS]
    if unknown:
        raise UserError(f"--metrics {','.join(unknown)}: give one or more of {', '.join(METRICS)}")
    if (model is None) == (predictions is None):
        raise UserError("give either a model to evaluate or --predictions")
    if source is None and (wider_ground_truth is None or predictions is None):
        raise UserError("give a dataset, or --predictions with --wider-ground-truth")
    if "wider" in metrics and wider_ground_truth is None:
        raise UserError("wider needs --wider-ground-truth, the folder of the four official .mat files")
    if "coco" in metrics and source is None:
        raise UserError("coco needs a dataset: the official ground truth alone does not contain the image sizes")


def evaluate_detections(
    source: str,
    photos: list[Photo],
    detections: list[Detections],
    truth: WiderTruth | None,
    metrics: Sequence[str],
    left_out: Sequence[str] = (),
    images_per_second: float | None = None,
    detector: DetectorFacts = UNKNOWN,
    target: Target = BEST_F1,
    draws: Iterable[np.ndarray] | None = None,
) -> Evaluation:
    """Compute metrics and curves of detections: one for each photo or, without photos, for each name of `truth`.

    detector, target, draws: as for `measure_thresholds`.
    """
    values: dict = {}
    curves: dict[str, Curve] = {}
    boxes = [p.boxes for p in photos] if photos else (truth.boxes if truth else [])
    ignored = [p.ignored for p in photos] if photos else None
    if "wider" in metrics and truth:
        ordered, missing = _in_official_order(truth, photos, detections)
        curves |= wider_curves(truth, ordered)
        values["wider"] = {setting: curves[setting].area for setting in SETTINGS}
        if missing:
            note = f"{missing} of the {len(truth.names)} images of WIDER FACE val are not in the dataset"
            left_out = [*left_out, f"{note}; their faces count as missed"]
    if "ap64" in metrics:
        curves["faces from 64 pixels"] = ap64_curve(boxes, detections, ignored)
        values["ap64"] = curves["faces from 64 pixels"].area
    if "coco" in metrics:
        values["coco"] = average_precision(photos, detections)
    matched, faces = height_matches(boxes, detections, 0, np.inf, ignored)
    curves["all faces"] = curve_of(matched, int(faces.sum()))
    thresholds = measure_thresholds(
        matched, faces, detector, target, fingerprint(photos)["digest"] if photos else "", draws
    )
    del matched  # half of the memory that an image takes here
    heights = ap_by_height(boxes, detections, ignored)
    misses = missed_faces(photos, detections, detector.shown_above) if photos else []
    wrong = false_positives(photos, detections) if photos else []
    names = [wider_image_name(p.path) for p in photos] if photos else (truth.names if truth else [])
    return Evaluation(
        source,
        values,
        curves,
        heights,
        thresholds,
        misses,
        wrong,
        photos,
        names,
        detections,
        list(left_out),
        images_per_second,
    )


def ap_by_height(
    boxes: Sequence[np.ndarray], detections: Sequence[Detections], ignored: Sequence[np.ndarray] | None
) -> list[HeightAP]:
    """AP of every range of heights. boxes: the faces of each image [n, 4]; ignored: those not to count, bool [n]."""
    rows = []
    for lowest, highest in pairwise(HEIGHT_EDGES):
        in_range = [((b[:, 3] - b[:, 1] >= lowest) & (b[:, 3] - b[:, 1] < highest)) for b in boxes]
        count = sum(int((m if ignored is None else m & ~ignored[k]).sum()) for k, m in enumerate(in_range))
        ap = height_curve(boxes, detections, lowest, highest, ignored).area if count else None
        rows.append(HeightAP(lowest, highest, count, ap))
    return rows


def _in_official_order(
    truth: WiderTruth, photos: list[Photo], detections: list[Detections]
) -> tuple[list[Detections], int]:
    """The detections in the order of the official ground truth, and how many of its images the dataset lacks."""
    if not photos:
        return detections, 0
    by_name = {wider_image_name(p.path): d for p, d in zip(photos, detections, strict=True)}
    if not by_name.keys() & set(truth.names):
        first = next(iter(by_name), "none")
        raise UserError(f"no image of the dataset is in WIDER FACE val (its first image: {first})")
    return [by_name.get(name, NO_DETECTIONS) for name in truth.names], len(set(truth.names) - by_name.keys())
