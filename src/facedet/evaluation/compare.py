"""Compare two models on the same images: the faces that the second model gains and loses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent, step
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.structures import Detections, Photo
from facedet.evaluation.metrics.faces import BoxInImage, false_positives, is_detected
from facedet.evaluation.metrics.heights import HEIGHT_EDGES
from facedet.inference.predict import predict
from facedet.inference.runtime import Runtime
from facedet.inference.session import check_model, open_session
from facedet.weights.operating_point import DEFAULT_THRESHOLD


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
    runtimes: what each model computed on.
    """

    first: str
    second: str
    threshold: float
    sizes: list[SizeRow]
    gained: list[BoxInImage]
    lost: list[BoxInImage]
    false_positives: tuple[list[BoxInImage], list[BoxInImage]]
    photos: list[Photo] = field(repr=False)
    left_out: list[str] = field(default_factory=list)
    runtimes: list[Runtime] = field(default_factory=list)

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
            "threshold": self.threshold,
            "images": len(self.photos),
            "runtimes": [asdict(runtime) for runtime in self.runtimes],
        }
        return {**head, "by_height": sizes, **counts, **listed, "left_out": self.left_out}


def compare_models(
    models: tuple[Path, Path],
    source: DatasetSource,
    threshold: float = DEFAULT_THRESHOLD,
    progress: Progress = silent,
    config: str | Path | None = None,
    device: str | None = None,
) -> Comparison:
    """Run both models on a dataset and compare which annotated faces they detect. Raises UserError.

    threshold: a face counts as detected if a detection with a higher score matches it. config: of the checkpoints, as
    for `load_network`. device: of both, as for `open_session`.
    """
    if not 0 <= threshold <= 1:
        raise UserError(f"--threshold {threshold:g}: scores lie between 0 and 1")
    for path in models:
        check_model(path, config=config, device=device)
    dataset = read_dataset(DatasetSource.of(source, "val"), progress)
    sessions = [open_session(path, config=config, device=device) for path in models]
    paths = [photo.path for photo in dataset.photos]
    (first, unreadable), (second, unreadable_later) = (predict(session, paths, progress) for session in sessions)
    unreadable |= unreadable_later
    kept = [k for k in range(len(paths)) if k not in unreadable]
    photos = [dataset.photos[k] for k in kept]
    detections = [[of_model[k] for k in kept] for of_model in (first, second)]
    with step(progress, "compare"):
        done = compare_detections(models, threshold, photos, detections, [*dataset.skipped, *unreadable.values()])
    return replace(done, runtimes=[session.runtime for session in sessions])


def compare_detections(
    models: tuple[Path, Path],
    threshold: float,
    photos: list[Photo],
    detections: list[list[Detections]],
    left_out: list[str],
) -> Comparison:
    """Compare what two models detected. detections: of each model, for each photo."""
    faces = [BoxInImage(k, box) for k, photo in enumerate(photos) for box in photo.boxes[~photo.ignored]]
    first, second = (_detected(photos, of_model, threshold) for of_model in detections)
    gained, lost = second & ~first, first & ~second
    heights = np.array([face.height for face in faces])
    sizes = []
    for lowest, highest in pairwise(HEIGHT_EDGES):
        in_range = (heights >= lowest) & (heights < highest)
        counts = (in_range, in_range & first & second, in_range & gained, in_range & lost)
        sizes.append(SizeRow(lowest, highest, *(int(mask.sum()) for mask in counts)))
    wrong = [false_positives(photos, [d.above(threshold) for d in of_model], limit=None) for of_model in detections]
    return Comparison(
        str(models[0]),
        str(models[1]),
        threshold,
        sizes,
        _largest_first(faces, gained),
        _largest_first(faces, lost),
        (wrong[0], wrong[1]),
        photos,
        left_out,
    )


def _detected(photos: list[Photo], detections: list[Detections], threshold: float) -> np.ndarray:
    """For each face of all photos that is not ignored: whether it is detected."""
    masks = [is_detected(p, d, threshold)[~p.ignored] for p, d in zip(photos, detections, strict=True)]
    return np.concatenate([np.zeros(0, bool), *masks])


def _largest_first(faces: Sequence[BoxInImage], selected: np.ndarray) -> list[BoxInImage]:
    return sorted((face for face, yes in zip(faces, selected, strict=True) if yes), key=lambda face: -face.height)
