"""Look a set of annotated photographs over before it is trained on. Nothing of it is changed."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.progress import Progress, silent
from facedet.core.data.dataset import DatasetSource, read_annotations
from facedet.core.data.image import UNREADABLE
from facedet.core.data.inspect.boxes import LARGEST, SAME, SMALL, SMALLEST, face_heights, judge_boxes
from facedet.core.data.inspect.duplicates import Member, find_duplicates
from facedet.core.data.inspect.findings import KINDS, Finding
from facedet.core.data.inspect.hashing import FARTHEST
from facedet.core.data.inspect.images import InspectedImage, inspect_images
from facedet.core.data.structures import Photo

INPUT_SIZE = 640  # pixels: side of the released model's input
HEIGHTS = (0, 8, 16, 32, 64, 128, 256, 512)  # lower edges of the histogram, pixels of the input
FACES = (0, 1, 2, 3, 5, 10, 20, 50, 100)  # lower edges of the histogram of faces in a picture
UNNAMED = "(without a name)"
_TURNED = 5  # EXIF orientations from here on exchange width and height


@dataclass(frozen=True)
class DatasetStatistics:
    """A set in numbers. role: "set" or "val". classes: boxes of each name; every class is mapped to `face`.

    faces: those a training can use; ignored: boxes that neither count nor punish. heights, in_pictures: how many
    faces have a height from each of `HEIGHTS` on, and how many pictures hold a number of faces from each of `FACES` on.
    """

    role: str
    path: Path
    pictures: int
    faces: int
    ignored: int
    without_faces: int
    classes: dict[str, int]
    heights: tuple[int, ...]
    in_pictures: tuple[int, ...]


@dataclass(frozen=True)
class Check:
    """What a check found; `size` is the side of the square input that faces were measured in."""

    size: int
    sets: list[DatasetStatistics]
    findings: list[Finding]

    @property
    def hurts(self) -> bool:
        """Whether anything found would hurt a training or falsify its validation."""
        return any(finding.hurts for finding in self.findings)

    def of_kind(self, kind: str) -> list[Finding]:
        """The findings of a kind, worst first."""
        return sorted((f for f in self.findings if f.kind == kind), key=lambda f: -f.weight)

    def kinds(self) -> list[tuple[str, int, int]]:
        """Kinds found, in the order of `KINDS`: key, number of findings, number of boxes in them."""
        found = Counter(finding.kind for finding in self.findings)
        boxes: Counter[str] = Counter()
        for finding in self.findings:
            boxes[finding.kind] += len(finding.boxes)
        return [(kind, found[kind], boxes[kind]) for kind in KINDS if found[kind]]

    def as_dict(self) -> dict:
        """Everything, for JSON: a number that is none is null there."""
        limits = {"largest": LARGEST, "smallest": SMALLEST, "small": SMALL, "same": SAME, "differing_bits": FARTHEST}
        histograms = {"heights_from": HEIGHTS, "faces_in_picture_from": FACES}
        kinds = {k: {**asdict(KINDS[k]), "findings": n, "boxes": boxes} for k, n, boxes in self.kinds()}
        sets = [{**asdict(s), "path": str(s.path), "mapped": dict.fromkeys(s.classes, "face")} for s in self.sets]
        common = {"hurts": self.hurts, "input_size": self.size, "limits": limits, **histograms}
        return {**common, "sets": sets, "kinds": kinds, "findings": [_plain(finding) for finding in self.findings]}


def check_dataset(
    source: DatasetSource, val: DatasetSource | None = None, progress: Progress = silent, size: int = INPUT_SIZE
) -> Check:
    """Open every picture of a set, and of the one that validates it, and judge every box.

    `size` is the side of the square input that faces are measured in, pixels. Raises UserError where a set cannot be
    read at all or has no picture.
    """
    sets: list[DatasetStatistics] = []
    findings: list[Finding] = []
    members: list[Member] = []
    for role, each in (("set", source), ("val", val)):
        if each is not None:
            mine, figures, found = _check_one(each, role, progress, size)
            members += mine
            sets.append(figures)
            findings += found
    findings += find_duplicates(members)
    return Check(size, sets, findings)


def height_names() -> list[str]:
    """What the bins from `HEIGHTS` are called: 0–8, 8–16, ..., 512+."""
    return [*(f"{low}–{high}" for low, high in pairwise(HEIGHTS)), f"{HEIGHTS[-1]}+"]


def face_names() -> list[str]:
    """What the bins from `FACES` are called: 0, 1, 2, 3–4, ..., 100+."""
    between = (str(low) if high == low + 1 else f"{low}–{high - 1}" for low, high in pairwise(FACES))
    return [*between, f"{FACES[-1]}+"]


def _check_one(
    source: DatasetSource, role: str, progress: Progress, size: int
) -> tuple[list[Member], DatasetStatistics, list[Finding]]:
    skipped: list[str] = []
    entries = read_annotations(source, skipped)
    if not entries:
        raise UserError(f"{source.path}: no picture is annotated" + (f" ({skipped[0]})" if skipped else ""))
    seen = inspect_images([entry.path for entry in entries], progress, f"{role} {source.path.name}")
    findings = [_left_out(line, role, source.path) for line in skipped]
    heights, numbers = [np.zeros(0)], []
    for entry, picture in zip(entries, seen, strict=True):
        faults = list(_judge_picture(entry, picture, role))
        findings += faults
        if not any(fault.hurts for fault in faults):
            photo = replace(entry, width=picture.width, height=picture.height)
            found, usable = judge_boxes(photo, role, size)
            findings += found
            heights.append(face_heights(photo, usable, size))
            numbers.append(int(usable.sum()))
    figures = _figures(source.path, role, entries, np.concatenate(heights), np.array(numbers))
    if figures.faces == 0:
        findings.append(Finding("no-faces", role, source.path, f"{len(entries)} pictures, no usable face"))
    members = [Member(role, *pair) for pair in zip(entries, seen, strict=True)]
    return members, figures, findings


def _left_out(line: str, role: str, annotation: Path) -> Finding:
    # a format that writes boxes as fractions is read with its pictures' sizes: the reader meets the unreadable ones
    picture, unreadable, reason = line.partition(f": {UNREADABLE}")
    if unreadable:
        return Finding("picture", role, Path(picture), UNREADABLE + reason)
    return Finding("entry", role, annotation, line.removeprefix(f"{annotation}: "))


def _judge_picture(entry: Photo, seen: InspectedImage, role: str) -> Iterator[Finding]:
    if seen.error:
        yield Finding("picture", role, entry.path, seen.error)
        return
    annotated, true = (entry.width, entry.height), (seen.width, seen.height)
    if all(annotated) and annotated != true:
        as_stored = seen.orientation >= _TURNED and annotated == true[::-1]
        why = ": annotated before EXIF turned it" if as_stored else ""
        detail = f"annotated as {entry.width}x{entry.height} but is {seen.width}x{seen.height}{why}"
        yield Finding("size", role, entry.path, detail)
    elif seen.orientation != 1:
        yield Finding("turned", role, entry.path, f"EXIF orientation {seen.orientation}")


def _figures(
    path: Path, role: str, entries: list[Photo], heights: np.ndarray, numbers: np.ndarray
) -> DatasetStatistics:
    classes: Counter[str] = Counter()
    for entry in entries:
        classes.update(entry.classes or [UNNAMED] * len(entry.boxes))
    return DatasetStatistics(
        role,
        path,
        pictures=len(entries),
        faces=len(heights),
        ignored=sum(int(entry.ignored.sum()) for entry in entries),
        without_faces=int((numbers == 0).sum()),
        classes=dict(classes.most_common()),
        heights=_histogram(heights, HEIGHTS),
        in_pictures=_histogram(numbers, FACES),
    )


def _histogram(values: np.ndarray, edges: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.histogram(values, [*edges, math.inf])[0].tolist())


def _plain(finding: Finding) -> dict:
    boxes = [[value if math.isfinite(value) else None for value in box] for box in finding.boxes]
    other = finding.other and str(finding.other)
    return {**asdict(finding), "path": str(finding.path), "boxes": boxes, "other": other, "hurts": finding.hurts}
