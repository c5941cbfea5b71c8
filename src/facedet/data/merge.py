"""Unite datasets of any formats into one. The inputs stay unchanged."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.progress import Progress, Tell, silent, tell_nobody
from facedet.data.classes import check_classes
from facedet.data.convert import check_target, write_dataset
from facedet.data.dataset import DatasetSource, read_every_class
from facedet.data.inspect.duplicates import same_boxes
from facedet.data.inspect.split import check_share, choose_images
from facedet.data.losses import Loss, Lost, refuse_many
from facedet.data.storage import digest, size_of
from facedet.data.structures import Photo
from facedet.data.writers.fitting import class_names


def merge_datasets(
    sources: Sequence[DatasetSource],
    folder: Path,
    to: str = "coco",
    val_share: float | None = None,
    seed: int = 0,
    progress: Progress = silent,
    tell: Tell = tell_nobody,
) -> Path:
    """Write several datasets as one, like `convert_dataset`; returns the path to pass to a command.

    Classes with the same name are one class. A file that is in several datasets is there once, as the first of them
    annotates it; if another one has other faces in it, that is a loss. val_share: of the images, for validation: lists
    train.txt and val.txt are written, near-duplicates on one side. Raises UserError like `convert_dataset`.
    """
    if val_share is not None:
        check_share(val_share)
    check_target(sources, folder, to)
    read = [read_every_class(source, progress) for source in sources]
    classes = frozenset(chain.from_iterable(dataset.classes for dataset in read))
    for source in sources:  # a chosen class may be missing in some of the datasets
        check_classes(source.classes, classes, source.path)
    for line in chain.from_iterable(dataset.skipped for dataset in read):
        tell(line)
    allow_losses = all(source.allow_losses for source in sources)
    photos = _unite([dataset.photos for dataset in read], folder, allow_losses, tell)
    val: set[Path] = set()
    if val_share is not None:
        paths = sorted(photo.path for photo in photos)
        val = {paths[k] for k in choose_images(paths, val_share, seed, folder, progress)}
    return write_dataset(photos, folder, to, allow_losses, val, progress, tell)


def _unite(sets: Sequence[Sequence[Photo]], folder: Path, allow_losses: bool, tell: Tell) -> list[Photo]:
    """The photos of all sets, without copies of files of earlier sets. Raises UserError for too many contradictions."""
    digests = _digests(sets)
    united: list[Photo] = []
    losses: list[Loss] = []
    copies: list[str] = []
    first: dict[str, Photo] = {}
    for photos in sets:
        added = []
        for photo in photos:
            other = first.get(digests.get(photo.path, ""))
            if other is None:
                added.append(photo)
            elif _same_faces(other, photo):
                copies.append(f"{photo.path} is {other.path}")
            else:
                reason = f"the same file as {other.path}, but with other faces: those are kept"
                losses.append(Loss(Lost.IMAGE, photo.path, reason))
        united += added
        first |= {digests[photo.path]: photo for photo in reversed(added) if photo.path in digests}
    if not allow_losses:
        advice = "find out which faces are right (`facedet data check A --val B` compares them)"
        refuse_many(losses, {Lost.IMAGE: len(united)}, folder, "contradict each other", advice)
    if copies:
        tell(f"{len(copies)} copies of files that are there already, with the same faces (first: {copies[0]})")
    for loss in losses:
        tell(str(loss))
    return united


def _digests(sets: Sequence[Sequence[Photo]]) -> dict[Path, str]:
    """The digests of the files that can be in several sets: those of which another set has one of equal size."""
    by_size: dict[int, dict[Path, set[int]]] = defaultdict(lambda: defaultdict(set))
    try:
        for k, photos in enumerate(sets):
            for photo in photos:
                by_size[size_of(photo.path)][photo.path].add(k)
        several = [same for same in by_size.values() if len(set().union(*same.values())) > 1]
        return {path: digest(path) for same in several for path in same}
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _same_faces(one: Photo, other: Photo) -> bool:
    """Whether two photos have the same faces of the same classes, but for those that are ignored."""
    first, second = (sorted(class_names(photo.only(~photo.ignored))) for photo in (one, other))
    return first == second and same_boxes(one, other)
