"""Check a dataset of annotated images before training. Nothing is changed."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent
from facedet.common.report_facts import ReportedDataset, ReportFacts, report_facts
from facedet.data.classes import only_classes
from facedet.data.dataset import DatasetSource, read_annotations, usable_photo
from facedet.data.image import UNREADABLE
from facedet.data.inspect.boxes import MAX_AREA, MIN_FACE, SAME_BOX_IOU, SMALL_FACE, check_boxes, face_heights
from facedet.data.inspect.duplicates import DatasetImage, check_duplicates
from facedet.data.inspect.findings import KINDS, Finding
from facedet.data.inspect.hashing import MAX_DIFFERING_BITS
from facedet.data.inspect.images import InspectedImage, inspect_images
from facedet.data.losses import Loss, Lost
from facedet.data.reported import reported_dataset
from facedet.data.structures import BOX, Photo

HEIGHTS = (0, 8, 16, 32, 64, 128, 256, 512)  # lower edges of the bins of face heights, pixels of the input
FACE_COUNTS = (0, 1, 2, 3, 5, 10, 20, 50, 100)  # lower edges of the bins of faces per image
_NO_CLASS_NAME = "(without a name)"
_FIRST_TRANSPOSED = 5  # EXIF orientations 5 to 8 exchange width and height


@dataclass(frozen=True)
class DatasetStatistics:
    """A dataset in numbers. role: "set" or "val". classes: number of boxes by class name; all are used as `face`.

    faces: faces that training can use. ignored: faces excluded from training and evaluation. heights, in_pictures:
    histograms with the bins `HEIGHTS` (number of faces) and `FACE_COUNTS` (number of images). shapes: number of boxes
    by what they were made from.
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
    shapes: dict[str, int]

    @property
    def drawn(self) -> str:
        """ "120 boxes, 30 of them from polygon, 4 from mask"; empty if all are drawn as boxes."""
        first, *rest = [f"{n:,} from {shape}" for shape, n in self.shapes.items() if shape != BOX] or [""]
        of_them = first.replace(" from", " of them from", 1)
        return ", ".join([f"{sum(self.shapes.values()):,} boxes", of_them, *rest]) if first else ""


@dataclass(frozen=True)
class CheckResult:
    """The findings of a check. `size` is the input size in pixels at which faces were measured. about: what was
    checked, and how."""

    size: int
    datasets: list[DatasetStatistics]
    findings: list[Finding]
    about: ReportFacts

    @property
    def hurts(self) -> bool:
        """Whether any finding harms training or makes validation results wrong."""
        return any(finding.hurts for finding in self.findings)

    def title(self, dataset: DatasetStatistics) -> str:
        """What people call the dataset: training, validation, or just dataset if it is the only one."""
        if dataset.role == "val":
            return "validation"
        return "training" if len(self.datasets) > 1 else "dataset"

    def of_kind(self, kind: str) -> list[Finding]:
        """The findings of a kind, worst first."""
        return sorted((f for f in self.findings if f.kind == kind), key=lambda f: -f.weight)

    def kinds(self) -> list[tuple[str, int, int]]:
        """The kinds found, in the order of `KINDS`: key, number of findings, number of boxes in them."""
        found = Counter(finding.kind for finding in self.findings)
        boxes: Counter[str] = Counter()
        for finding in self.findings:
            boxes[finding.kind] += len(finding.boxes)
        return [(kind, found[kind], boxes[kind]) for kind in KINDS if found[kind]]

    def as_dict(self) -> dict:
        """Everything as plain values for JSON; NaN and infinity become null."""
        limits = {
            "largest": MAX_AREA,
            "smallest": MIN_FACE,
            "small": SMALL_FACE,
            "same": SAME_BOX_IOU,
            "differing_bits": MAX_DIFFERING_BITS,
        }
        histograms = {"heights_from": HEIGHTS, "faces_in_picture_from": FACE_COUNTS}
        kinds = {k: {**asdict(KINDS[k]), "findings": n, "boxes": boxes} for k, n, boxes in self.kinds()}
        sets = [_statistics_as_dict(statistics) for statistics in self.datasets]
        common = {"hurts": self.hurts, "input_size": self.size, "limits": limits, **histograms}
        findings = [_as_dict(finding) for finding in self.findings]
        return {**common, "sets": sets, "kinds": kinds, "findings": findings, "about": self.about.as_dict()}


def check_dataset(
    source: DatasetSource, size: int, val: DatasetSource | None = None, progress: Progress = silent
) -> CheckResult:
    """Check every image and box of a dataset, and of its validation dataset `val`, and compare their images.

    `size` is the network's input size in pixels: faces are measured in images resized to it. Raises UserError if a
    dataset cannot be read or has no images.
    """
    datasets: list[DatasetStatistics] = []
    findings: list[Finding] = []
    images: list[DatasetImage] = []
    reported: list[ReportedDataset] = []
    for role, dataset in (("set", source), ("val", val)):
        if dataset is not None:
            dataset_images, statistics, dataset_findings = _check_one(dataset, role, progress, size)
            images += dataset_images
            datasets.append(statistics)
            findings += dataset_findings
            title = "validation" if role == "val" else "training" if val else "dataset"
            reported.append(reported_dataset(dataset, list(_usable(dataset_images)), title))
    findings += check_duplicates(images)
    return CheckResult(size, datasets, findings, report_facts((), reported))


def _usable(images: Sequence[DatasetImage]) -> Iterator[Photo]:
    """The photos with the boxes that `read_dataset` would give."""
    for each in images:
        image = each.inspected
        size = (
            UserError(each.photo.unread or image.error)
            if each.photo.unread or image.error
            else (image.width, image.height)
        )
        with suppress(UserError):
            yield usable_photo(each.photo, size, [])


def height_labels() -> list[str]:
    """Labels of the bins `HEIGHTS`: 0–8, 8–16, ..., 512+."""
    return [*(f"{low}–{high}" for low, high in pairwise(HEIGHTS)), f"{HEIGHTS[-1]}+"]


def face_count_labels() -> list[str]:
    """Labels of the bins `FACE_COUNTS`: 0, 1, 2, 3–4, ..., 100+."""
    between = (str(low) if high == low + 1 else f"{low}–{high - 1}" for low, high in pairwise(FACE_COUNTS))
    return [*between, f"{FACE_COUNTS[-1]}+"]


def _check_one(
    source: DatasetSource, role: str, progress: Progress, size: int
) -> tuple[list[DatasetImage], DatasetStatistics, list[Finding]]:
    losses: list[Loss] = []
    photos = [only_classes(photo, source.classes) for photo in read_annotations(source, losses)]
    if not photos:
        reason = f" (first problem: {losses[0]})" if losses else ""
        raise UserError(f"{source.path}: no annotated images{reason}; give another dataset or list of names")
    inspected = inspect_images([photo.path for photo in photos], progress, f"check {source.path.name}")
    findings = [_loss_finding(loss, role) for loss in losses]
    heights, face_counts = [np.zeros(0)], []
    for photo, image in zip(photos, inspected, strict=True):
        image_findings = list(_check_image(photo, image, role))
        findings += image_findings
        if not any(finding.hurts for finding in image_findings):
            true_photo = replace(photo, width=image.width, height=image.height)
            box_findings, usable = check_boxes(true_photo, role, size)
            findings += box_findings
            heights.append(face_heights(true_photo, usable, size))
            face_counts.append(int(usable.sum()))
    statistics = _statistics(source.path, role, photos, np.concatenate(heights), np.array(face_counts))
    if statistics.faces == 0:
        findings.append(Finding("no-faces", role, source.path, f"{len(photos)} images, no usable face"))
    images = [DatasetImage(role, *pair) for pair in zip(photos, inspected, strict=True)]
    return images, statistics, findings


def _loss_finding(loss: Loss, role: str) -> Finding:
    # readers of formats with relative boxes open the images, so an unreadable image can be among the losses
    kind = "picture" if loss.reason.startswith(UNREADABLE) else "remark" if loss.kind == Lost.REMARK else "entry"
    return Finding(kind, role, loss.file, loss.reason)


def _check_image(photo: Photo, image: InspectedImage, role: str) -> Iterator[Finding]:
    if image.error:
        yield Finding("picture", role, photo.path, photo.unread or image.error)
        return
    if photo.unread:
        yield Finding("entry", role, photo.path, photo.unread)
        return
    annotated, true = (photo.width, photo.height), (image.width, image.height)
    if all(annotated) and annotated != true:
        as_stored = image.orientation >= _FIRST_TRANSPOSED and annotated == true[::-1]
        reason = ": annotated without EXIF orientation" if as_stored else ""
        detail = f"annotated as {photo.width}x{photo.height} but is {image.width}x{image.height}{reason}"
        yield Finding("size", role, photo.path, detail)
    elif image.orientation != 1:
        yield Finding("turned", role, photo.path, f"EXIF orientation {image.orientation}")


def _statistics(
    path: Path, role: str, photos: list[Photo], heights: np.ndarray, face_counts: np.ndarray
) -> DatasetStatistics:
    classes: Counter[str] = Counter()
    shapes: Counter[str] = Counter()
    for photo in photos:
        shapes.update(photo.shapes or [BOX] * len(photo.boxes))
        classes.update(photo.classes or [_NO_CLASS_NAME] * len(photo.boxes))
    return DatasetStatistics(
        role,
        path,
        pictures=len(photos),
        faces=len(heights),
        ignored=sum(int(photo.ignored.sum()) for photo in photos),
        without_faces=int((face_counts == 0).sum()),
        classes=dict(classes.most_common()),
        heights=_histogram(heights, HEIGHTS),
        in_pictures=_histogram(face_counts, FACE_COUNTS),
        shapes=dict(shapes.most_common()),
    )


def _histogram(values: np.ndarray, edges: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.histogram(values, [*edges, math.inf])[0].tolist())


def _statistics_as_dict(statistics: DatasetStatistics) -> dict:
    values = {**asdict(statistics), "path": str(statistics.path), "mapped": dict.fromkeys(statistics.classes, "face")}
    if not statistics.drawn:
        del values["shapes"]
    return values


def _as_dict(finding: Finding) -> dict:
    boxes = [[value if math.isfinite(value) else None for value in box] for box in finding.boxes]
    other = finding.other and str(finding.other)
    return {**asdict(finding), "path": str(finding.path), "boxes": boxes, "other": other, "hurts": finding.hurts}
