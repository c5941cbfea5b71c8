"""Two models on the same photographs: which faces the second gained, and which it lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.progress import Progress, silent
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.structures import Detections, Photo
from facedet.core.evaluation.metrics.faces import HEIGHTS, Case, found_faces, worst_false_positives
from facedet.core.export.interface import SHOW_ABOVE
from facedet.core.inference.predict import predict
from facedet.core.inference.session import open_session


@dataclass(frozen=True)
class SizeRow:
    """Faces from `lowest` to below `highest` pixels of height: all, found by both, gained and lost by the second."""

    lowest: float
    highest: float
    faces: int
    both: int
    gained: int
    lost: int


@dataclass(frozen=True)
class Comparison:
    """gained, lost: faces that only the second, or only the first, finds, largest first. alarms: of the first and of
    the second, detections above the threshold that hit no face."""

    first: str
    second: str
    threshold: float
    sizes: list[SizeRow]
    gained: list[Case]
    lost: list[Case]
    alarms: tuple[list[Case], list[Case]]
    photos: list[Photo] = field(repr=False)
    left_out: list[str] = field(default_factory=list)

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        sizes = [
            {**{k: getattr(row, k) for k in ("faces", "both", "gained", "lost")}, "from": row.lowest}
            | {"below": None if np.isinf(row.highest) else row.highest}
            for row in self.sizes
        ]
        listed = {
            name: [{"file_name": self.photos[c.photo].path.name, "bbox_xyxy": c.box.tolist()} for c in cases]
            for name, cases in (("gained", self.gained), ("lost", self.lost))
        }
        counts = dict(zip(("false_alarms_first", "false_alarms_second"), map(len, self.alarms), strict=True))
        head = {"first": self.first, "second": self.second, "threshold": self.threshold, "images": len(self.photos)}
        return {**head, "by_height": sizes, **counts, **listed, "left_out": self.left_out}


def compare_models(
    models: tuple[Path, Path], source: DatasetSource, threshold: float = SHOW_ABOVE, progress: Progress = silent
) -> Comparison:
    """Find faces with both models and compare them with the annotations. Raises UserError."""
    if not 0 <= threshold <= 1:
        raise UserError(f"--threshold {threshold:g}: scores lie between 0 and 1")
    faces = read_dataset(source)
    sessions = [open_session(path) for path in models]
    paths = [photo.path for photo in faces.photos]
    (first, unreadable), (second, later) = (predict(session, paths, progress) for session in sessions)
    unreadable |= later
    kept = [k for k in range(len(paths)) if k not in unreadable]
    photos = [faces.photos[k] for k in kept]
    found = [[each[k] for k in kept] for each in (first, second)]
    return _compare(models, threshold, photos, found, [*faces.skipped, *unreadable.values()])


def _compare(
    models: tuple[Path, Path],
    threshold: float,
    photos: list[Photo],
    found: list[list[Detections]],
    left_out: list[str],
) -> Comparison:
    cases = [Case(k, box) for k, photo in enumerate(photos) for box in photo.boxes[~photo.ignored]]
    hits = [
        np.concatenate(
            [np.zeros(0, bool), *(found_faces(p, d, threshold)[~p.ignored] for p, d in zip(photos, each, strict=True))]
        )
        for each in found
    ]
    tall = np.array([case.height for case in cases])
    sizes = []
    for lowest, highest in pairwise(HEIGHTS):
        these = (tall >= lowest) & (tall < highest)
        counts = (these, these & hits[0] & hits[1], these & hits[1] & ~hits[0], these & hits[0] & ~hits[1])
        sizes.append(SizeRow(lowest, highest, *(int(each.sum()) for each in counts)))
    shown = [[d.above(threshold) for d in each] for each in found]
    alarms = tuple(worst_false_positives(photos, each, most=None) for each in shown)
    return Comparison(
        str(models[0]),
        str(models[1]),
        threshold,
        sizes,
        _pick(cases, hits[1] & ~hits[0]),
        _pick(cases, hits[0] & ~hits[1]),
        (alarms[0], alarms[1]),
        photos,
        left_out,
    )


def _pick(cases: Sequence[Case], which: np.ndarray) -> list[Case]:
    return sorted((case for case, yes in zip(cases, which, strict=True) if yes), key=lambda case: -case.height)
