"""Compare two models on the same images: the faces that the second model gains and loses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent, step
from facedet.common.report_facts import ReportFacts, report_facts
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.reported import reported_dataset
from facedet.data.structures import Detections, Photo
from facedet.evaluation.attributes import divide_by_attributes, every_division, read_table
from facedet.evaluation.draws import Draws, Prints, keep_prints
from facedet.evaluation.image_facts import FactsOfPhotos
from facedet.evaluation.metrics.bootstrap import RESAMPLES
from facedet.evaluation.metrics.faces import BoxInImage, false_positives
from facedet.evaluation.metrics.heights import HEIGHT_EDGES
from facedet.evaluation.paired import Paired, compare_paired
from facedet.evaluation.slices import ComparedSlice, compare_slices, detected_faces
from facedet.inference.predict import each_of, predict
from facedet.inference.reported import reported_model
from facedet.inference.runtime import Runtime
from facedet.inference.session import check_model, open_session, shown_above


@dataclass(frozen=True)
class SizeRow:
    """Numbers of faces with a height from `lowest` to below `highest` pixels: all, detected by both models, gained and
    lost by the second."""

    lowest: float
    highest: float
    faces: int
    both: int
    gained: int
    lost: int


@dataclass(frozen=True)
class Comparison:
    """The result of comparing two models.

    gained, lost: faces that only the second, or only the first, model detects, largest first. false_positives: of the
    first and of the second model, in descending order of score. left_out: images and boxes that were not used, and why.
    runtimes: what each model computed on. thresholds: of each model. paired: whether the second is better, None if not
    asked for. slices: the recall of both in groups of faces. about: what was compared, and how.
    """

    first: str
    second: str
    thresholds: tuple[float, float]
    sizes: list[SizeRow]
    gained: list[BoxInImage]
    lost: list[BoxInImage]
    false_positives: tuple[list[BoxInImage], list[BoxInImage]]
    photos: list[Photo] = field(repr=False)
    left_out: list[str] = field(default_factory=list)
    runtimes: list[Runtime] = field(default_factory=list)
    paired: Paired | None = None
    about: ReportFacts | None = None
    slices: list[ComparedSlice] = field(default_factory=list)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        sizes = [
            {**{k: getattr(row, k) for k in ("faces", "both", "gained", "lost")}, "from": row.lowest}
            | {"below": None if np.isinf(row.highest) else row.highest}
            for row in self.sizes
        ]
        listed = {
            name: [{"file_name": self.photos[f.image_index].path.name, "bbox_xyxy": f.box.tolist()} for f in faces]
            for name, faces in (("gained", self.gained), ("lost", self.lost))
        }
        counts = dict(zip(("false_alarms_first", "false_alarms_second"), map(len, self.false_positives), strict=True))
        head: dict = {
            "first": self.first,
            "second": self.second,
            "thresholds": list(self.thresholds),
            "images": len(self.photos),
            "runtimes": [asdict(runtime) for runtime in self.runtimes],
        }
        head["paired"] = self.paired.as_dict() if self.paired else None
        about = self.about.as_dict() if self.about else None
        slices = [asdict(each) for each in self.slices]
        tail = {"left_out": self.left_out, "slices": slices, "about": about}
        return {**head, "by_height": sizes, **counts, **listed, **tail}


def compare_models(
    models: tuple[Path, Path],
    source: DatasetSource,
    threshold: float | None = None,
    progress: Progress = silent,
    config: str | Path | None = None,
    device: str | None = None,
    resamples: int = RESAMPLES,
    attributes: str | Path | None = None,
    *,
    first_on_cpu: bool = False,
) -> Comparison:
    """Run both models on a dataset and compare which annotated faces they detect. Raises UserError.

    threshold: a face counts as detected if a detection with a higher score matches it; None for each model's own.
    config: of the checkpoints, as for `load_network`. device: of both, as for `open_session`. resamples: of the images,
    for the intervals and slices; 0 for none. attributes: a CSV file, as for `read_attributes`. first_on_cpu: the first
    model computes in float32 on the CPU, the second in the default precision of `device`, as for `check_parity`.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"--threshold {threshold:g}: scores lie between 0 and 1")
    table = read_table(attributes, resamples)
    places = [(None, None), ("default", device)] if first_on_cpu else [(None, device)] * 2
    for path, (precision, place) in zip(models, places, strict=True):
        check_model(path, precision, config, place)
    source = DatasetSource.of(source, "val")
    dataset = read_dataset(source, progress)
    if table:
        divide_by_attributes(table, dataset.photos)  # to know what is wrong with it before the models run
    sessions = [
        open_session(path, precision, config, device=place)
        for path, (precision, place) in zip(models, places, strict=True)
    ]
    paths = [photo.path for photo in dataset.photos]
    prints: Prints = {}
    pixels = FactsOfPhotos(dataset.photos)
    look = each_of(keep_prints(prints), pixels.look) if resamples else None
    first, unreadable = predict(sessions[0], paths, progress, look)
    second, unreadable_later = predict(sessions[1], paths, progress)
    unreadable |= unreadable_later
    kept = [k for k in range(len(paths)) if k not in unreadable]
    photos = [dataset.photos[k] for k in kept]
    detections = [[of_model[k] for k in kept] for of_model in (first, second)]
    limits = (shown_above(sessions[0]), shown_above(sessions[1])) if threshold is None else (threshold, threshold)
    draws = Draws.of([photo.path for photo in photos], prints, resamples) if resamples else None
    with step(progress, "compare"):
        left_out = [*dataset.skipped, *unreadable.values()]
        done = compare_detections(models, limits, photos, detections, left_out, draws)
    if draws:
        with step(progress, "slices"):
            divisions, notes = every_division(photos, pixels.of(photos), table)
            hits = [detected_faces(photos, *each) for each in zip(detections, limits, strict=True)]
            slices = compare_slices(photos, divisions, (hits[0], hits[1]), draws)
        done = replace(done, slices=slices, left_out=[*done.left_out, *notes])
    compared = [reported_model(session, limit) for session, limit in zip(sessions, limits, strict=True)]
    about = report_facts(compared, [reported_dataset(source, photos)])
    return replace(done, runtimes=[session.runtime for session in sessions], about=about)


def compare_detections(
    models: tuple[Path, Path],
    thresholds: tuple[float, float],
    photos: list[Photo],
    detections: list[list[Detections]],
    left_out: list[str],
    draws: Draws | None = None,
) -> Comparison:
    """Compare what two models detected. thresholds: of each model. detections: of each model, for each photo. draws:
    resamples of the photos, None for no intervals."""
    faces = [BoxInImage(k, box) for k, photo in enumerate(photos) for box in photo.boxes[~photo.ignored]]
    first, second = (detected_faces(photos, *each) for each in zip(detections, thresholds, strict=True))
    gained, lost = second & ~first, first & ~second
    heights = np.array([face.height for face in faces])
    sizes = []
    for lowest, highest in pairwise(HEIGHT_EDGES):
        in_range = (heights >= lowest) & (heights < highest)
        counts = (in_range, in_range & first & second, in_range & gained, in_range & lost)
        sizes.append(SizeRow(lowest, highest, *(int(mask.sum()) for mask in counts)))
    wrong = [
        false_positives(photos, [d.above(threshold) for d in of_model], limit=None)
        for of_model, threshold in zip(detections, thresholds, strict=True)
    ]
    return Comparison(
        str(models[0]),
        str(models[1]),
        thresholds,
        sizes,
        _largest_first(faces, gained),
        _largest_first(faces, lost),
        (wrong[0], wrong[1]),
        photos,
        left_out,
        paired=compare_paired(photos, detections, thresholds, draws) if draws else None,
    )


def _largest_first(faces: Sequence[BoxInImage], selected: np.ndarray) -> list[BoxInImage]:
    return sorted((face for face, yes in zip(faces, selected, strict=True) if yes), key=lambda face: -face.height)
