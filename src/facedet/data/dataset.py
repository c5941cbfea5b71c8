"""Read a dataset of annotated face images, whatever its format."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os.path import abspath
from pathlib import Path, PurePath

import numpy as np

from facedet.common.errors import UserError
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress, silent, step
from facedet.data.classes import check_classes, only_classes
from facedet.data.formats.recognise import check_given, find_annotations, recognise
from facedet.data.formats.table import FORMATS, TABLE
from facedet.data.image import image_size, is_image_name
from facedet.data.lists import read_list
from facedet.data.losses import Loss, Lost, refuse_many
from facedet.data.names import common_end, parts_of
from facedet.data.photos import Photos
from facedet.data.storage import is_dir, is_file
from facedet.data.structures import AnnotatedDataset, Photo

__all__ = [
    "FORMATS",
    "MIN_SIDE",
    "DatasetSource",
    "check_source",
    "dataset_source",
    "read_annotations",
    "read_dataset",
    "recognise",
    "usable_photo",
    "valid_boxes",
]

MIN_SIDE = 1.0  # pixels: a narrower or lower box counts as one without area
_LARGEST_COORDINATE = np.finfo(np.float32).max  # boxes become float32


@dataclass(frozen=True)
class DatasetSource:
    """Location of a dataset: a file or folder in one of `FORMATS`.

    images: folder of the images if they are not where the format expects them. names: text file that selects images,
    one per line. format: one of `FORMATS`; None detects it. split: `train` or `val` of a dataset with both, in a YOLO
    data.yaml, in folders or in files of these names; None takes all; training takes `train`, validation and evaluation
    take `val`. weight: how often an epoch of training uses each image; for a fraction, it uses a different random part
    of the images each time. classes: those that count as faces; empty for all of them, unless one of several is called
    face; `all` for all in any case. allow_losses: use the rest, however much of it cannot be used.
    """

    path: Path
    images: Path | None = None
    names: Path | None = None
    format: str | None = None
    split: str | None = None
    weight: float = 1.0
    classes: tuple[str, ...] = ()
    allow_losses: bool = False

    @classmethod
    def of(cls, dataset: "DatasetSource | str | Path", split: str) -> "DatasetSource":
        """The source itself, or one for the path; with `split`, unless it selects images already."""
        source = dataset if isinstance(dataset, DatasetSource) else cls(Path(dataset))
        return replace(source, split=split) if source.split is None and source.names is None else source


def dataset_source(
    path: str | Path,
    *,
    images: str | Path | None = None,
    names: str | Path | None = None,
    format: str | None = None,
    split: str | None = None,
    weight: float = 1.0,
    classes: Sequence[str] = (),
    allow_losses: bool = False,
) -> DatasetSource:
    """A dataset with images, selection, format or weight that are not the default; arguments as for `DatasetSource`."""
    folder, selected = (Path(each) if each else None for each in (images, names))
    return DatasetSource(Path(path), folder, selected, format, split, weight, tuple(classes), allow_losses)


def check_source(source: DatasetSource) -> None:
    """Raise UserError if a path of the source does not exist, or its format is unknown. Reads nothing."""
    check_given(source.path, source.format)
    if source.images and not is_dir(source.images):
        raise UserError(f"{source.images}: no such folder")
    if source.names and not is_file(source.names):
        raise UserError(f"{source.names}: no such file")


def read_dataset(source: DatasetSource, progress: Progress = silent) -> AnnotatedDataset:
    """Read a dataset, with the classes that count as faces. Raises UserError.

    Leaves out images that are missing, unreadable or annotated at another size, images whose annotation cannot be read
    completely, and boxes without area or outside their image; `losses` lists them. More than one loss and more than
    1 %, of images, boxes or listed names, is a UserError, unless the source allows it. Clips boxes that are partly
    outside.
    """
    dataset = read_every_class(source, progress)
    check_classes(source.classes, dataset.classes, source.path)
    return dataset


def read_every_class(source: DatasetSource, progress: Progress = silent) -> AnnotatedDataset:
    """`read_dataset` without a check of the source's classes, which other datasets may have. Raises UserError."""
    found: list[Loss] = []
    with step(progress, f"read {source.path.name}"):
        annotated, whole = _read(source, found)
    losses = [loss for loss in found if loss.kind != Lost.REMARK]
    read = len(losses)
    counted = [loss for loss in losses if loss.kind == Lost.NAME or not source.names or loss.file not in whole]
    photos = Photos(_checked(annotated, losses, progress, f"open {source.path.name}"))
    if not photos:
        why = f" (first reason: {losses[0]})" if losses else ""
        raise UserError(f"{source.path}: no usable image{why}")
    if not source.allow_losses:
        boxes = sum(len(photo.boxes) for photo in photos)
        used = {Lost.IMAGE: len(photos), Lost.BOX: boxes, Lost.NAME: len(annotated)}
        refuse_many([*counted, *losses[read:]], used, source.path)
    classes = {name for photo in photos for name, out in zip(photo.classes, photo.ignored, strict=False) if not out}
    chosen = Photos(only_classes(photo, source.classes) for photo in photos) if source.classes else photos
    return AnnotatedDataset(chosen, losses, frozenset(classes))


def read_annotations(source: DatasetSource, losses: list[Loss]) -> list[Photo]:
    """The annotated images of a dataset, unchecked: opens no image file, checks no box. Raises UserError.

    Adds what cannot be read to `losses`, with a list of names only what is about a file of one of its images, or about
    the annotations as a whole; a photo whose annotation cannot be read completely says so in `unread`. YOLO
    is the exception: its boxes are fractions, so the reader needs the header of each image and leaves out unreadable
    ones.
    """
    return _read(source, losses)[0]


def _read(source: DatasetSource, losses: list[Loss]) -> tuple[list[Photo], set[Path]]:
    """What `read_annotations` returns, and the paths of the annotations as a whole."""
    photos: list[Photo] = []
    parts = find_annotations(source.path, source.format, source.split)
    for format, path in parts:
        split = (source.split,) if TABLE[format].has_splits else ()
        photos += TABLE[format].module.read(path, source.images, losses, *split)
    photos, whole = _one_annotation_each(photos), {path for _, path in parts}
    if not source.names:
        return photos, whole
    lines = read_list(source.names)
    listed = _by_name(lines)
    losses[:] = [
        each for each in losses if each.kind == Lost.NAME or each.file in whole or _is_listed(each.file, listed)
    ]
    return _select(photos, source.names, lines, losses), whole


def _one_annotation_each(photos: list[Photo]) -> list[Photo]:
    """The photos, once each. One that several annotations lead to is incomplete: which of them is right is unknown."""
    reason = "several annotations, which differ, lead to it"
    unique: dict[str, Photo] = {}
    for photo in photos:
        first = unique.setdefault(abspath(photo.path), photo)
        if first is not photo and not _are_equal(first, photo):
            unique[abspath(photo.path)] = replace(first, unread=reason)
    return list(unique.values())


def _are_equal(one: Photo, other: Photo) -> bool:
    arrays = zip((one.boxes, one.ignored), (other.boxes, other.ignored), strict=True)
    rest = zip((one.classes, one.unread), (other.classes, other.unread), strict=True)
    return all(np.array_equal(*pair) for pair in arrays) and all(a == b for a, b in rest)


def valid_boxes(boxes: np.ndarray) -> np.ndarray:
    """Which boxes, float64 [n, 4], have coordinates that float32 can hold: bool [n]. NaN and infinity are not valid."""
    return np.asarray((np.abs(boxes) <= _LARGEST_COORDINATE).all(axis=1))


def _checked(photos: Sequence[Photo], losses: list[Loss], progress: Progress, description: str) -> Iterator[Photo]:
    """The usable photos, in order. Adds what is not usable to `losses`. Reads the headers of several images at once."""
    for photo, size in zip(photos, map_ahead(_size, progress(photos, description)), strict=True):
        try:
            yield usable_photo(photo, size, losses)
        except UserError as error:
            losses.append(Loss.of_error(Lost.IMAGE, photo.path, error))


def _size(photo: Photo) -> tuple[int, int] | UserError:
    """The true size of the image, or why the photo cannot be used."""
    if photo.unread:
        return UserError(f"{photo.path}: {photo.unread}")
    try:
        return image_size(photo.path)
    except UserError as error:
        return error


def usable_photo(photo: Photo, size: tuple[int, int] | UserError, losses: list[Loss]) -> Photo:
    """The photo with its true size and its usable boxes, clipped. Adds each other box to `losses`. Raises UserError."""
    if isinstance(size, UserError):
        raise size
    width, height = size
    if photo.width and photo.height and (photo.width, photo.height) != (width, height):
        raise UserError(
            f"{photo.path}: annotated as {photo.width}x{photo.height} but is {width}x{height}; correct the annotation"
        )
    boxes = photo.boxes.astype(np.float64).reshape(-1, 4)
    valid = valid_boxes(boxes)
    clipped = np.where(valid[:, None], boxes, 0).clip(0, [width, height, width, height]).astype(np.float32)
    usable = np.logical_and(valid, (clipped[:, 2:] - clipped[:, :2] >= MIN_SIDE).all(axis=1))
    for box in boxes[~usable]:
        numbers = ", ".join(f"{value:g}" for value in box)
        reason = f"is outside the {width}x{height} image, has no area or has an invalid coordinate"
        losses.append(Loss(Lost.BOX, photo.path, f"box [{numbers}] {reason}"))
    true = Photo(photo.path, width, height, clipped, photo.ignored, photo.classes, occlusion=photo.occlusion)
    return true.only(usable)


def _by_name(lines: Sequence[str]) -> dict[str, list[list[str]]]:
    """The folders of each name in a list, by the name with and without suffix."""
    listed: dict[str, list[list[str]]] = defaultdict(list)
    for *folders, name in filter(None, map(parts_of, lines)):
        for key in {name, PurePath(name).stem}:
            listed[key].append(folders)
    return listed


def _is_listed(file: Path, listed: dict[str, list[list[str]]]) -> bool:
    """Whether a list names an image, or the one that an annotation file is named after, in another folder."""
    return any(
        not folders or not is_image_name(file) or common_end(file.parent.parts, folders)
        for key in {file.name, file.stem}
        for folders in listed.get(key, ())
    )


def _select(photos: list[Photo], names: Path, lines: Sequence[str], losses: list[Loss]) -> list[Photo]:
    """The photos in a list of names. Raises UserError.

    A name is the end of a path, with or without suffix. An absolute one may come from another machine: then the photo
    with the longest end in common is meant, if that is more than the file name.
    """
    by_name: dict[str, set[int]] = defaultdict(set)
    for k, photo in enumerate(photos):
        by_name[photo.path.name].add(k)
        by_name[photo.path.stem].add(k)
    selected: set[int] = set()
    for line in lines:
        parts = parts_of(line)
        same = sorted(by_name[parts[-1]]) if parts else []
        ends = [1 + common_end(photos[k].path.absolute().parent.parts, parts[:-1]) for k in same]
        longest = max(ends, default=0)
        known = longest == len(parts) or (longest > 1 and (line[0] in "/\\" or line[1:2] == ":"))
        matches = [k for k, end in zip(same, ends, strict=True) if known and end == longest]
        if len(matches) > 1:
            first, second = (photos[k].path for k in matches[:2])
            raise UserError(f"{names}: '{line}' matches {first} and {second}; give more of the path")
        if not matches:
            losses.append(Loss(Lost.NAME, names, f"{line}: not in the dataset"))
        selected.update(matches)
    return [photos[k] for k in sorted(selected)]
