"""Convert a dataset of any format to another one. The image files are copied unchanged."""

import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import one_per_line, write_beside, write_folder, write_text
from facedet.common.outputs import Input, Output, refuse_filled, refuse_inputs
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress, Tell, silent, tell_nobody
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.losses import Loss, Lost, refuse_many
from facedet.data.storage import opened
from facedet.data.structures import Photo
from facedet.data.writers.entry import TRAIN, VAL, Entry
from facedet.data.writers.fitting import FACE, fit
from facedet.data.writers.naming import target_names
from facedet.data.writers.table import TARGETS


def convert_dataset(
    source: DatasetSource, folder: Path, to: str = "coco", progress: Progress = silent, tell: Tell = tell_nobody
) -> Path:
    """Write a dataset and copies of its images into `folder`; returns the path to pass to a command.

    to: one of `TARGETS`. Images keep their file names, and also their folders if file names collide. Classes keep their
    names, and faces without one become `face`. tell: called with a line for each thing that is left out. Raises
    UserError, for example if the folder is not empty or is inside the dataset, or if the target cannot hold more than
    1 % of the images, boxes or class names and the source does not allow losses.
    """
    check_target([source], folder, to)
    dataset = read_dataset(source, progress)
    for line in dataset.skipped:
        tell(line)
    return write_dataset(dataset.photos, folder, to, source.allow_losses, progress=progress, tell=tell)


def check_target(sources: Iterable[DatasetSource], folder: Path, to: str) -> None:
    """Raise UserError if a dataset cannot be written as `to` into this folder."""
    if to not in TARGETS:
        raise UserError(f"'{to}' cannot be written; choose one of {', '.join(TARGETS)}")
    refuse_filled(folder)
    read = [path for source in sources for path in (source.path, source.images) if path]
    refuse_inputs([Output(folder, ())], [Input(path, whole=True) for path in read])


def write_dataset(
    photos: Sequence[Photo],
    folder: Path,
    to: str,
    allow_losses: bool,
    val: Collection[Path] = (),
    progress: Progress = silent,
    tell: Tell = tell_nobody,
) -> Path:
    """Write photos as `to`; returns the path to pass to a command. Raises UserError before it writes anything if the
    target can hold too few of them.

    val: the images to validate on; with any, train.txt and val.txt list the images.
    """
    target, losses = TARGETS[to], list[Loss]()
    fitted = fit(photos, target, losses)
    boxes = sum(len(photo.boxes) for photo in fitted)
    if not fitted:
        raise UserError(f"{folder}: no image can be written as {to} (first reason: {losses[0]})")
    if not allow_losses:
        used = {Lost.IMAGE: len(fitted), Lost.BOX: boxes, Lost.CLASS: boxes}
        refuse_many(losses, used, folder, f"cannot be written as {to}", "choose another format")
    for loss in losses:
        tell(str(loss))
    names = target_names((photo.path for photo in fitted), target.flat)
    entries = [Entry(photo, names[photo.path], VAL if photo.path in val else TRAIN) for photo in fitted]
    classes = list(dict.fromkeys(name for photo in fitted for name in photo.classes)) or [FACE]
    with write_folder(folder) as new:
        copies = ((entry.photo.path, new / target.images / entry.name) for entry in progress(entries, "copy"))
        for _ in map_ahead(lambda copy: copy_image(*copy), copies):
            pass
        for part in (TRAIN, VAL) if val else ():
            listed = [f"./{target.images}/{entry.name}" for entry in entries if entry.part == part]
            write_text(new / f"{part}.txt", one_per_line(listed))
        path = Path(target.module.write(new, entries, classes))
    return folder / path.relative_to(new)


def copy_image(image: Path, target: Path) -> None:
    """Copy an image file. Raises UserError if it cannot be read or written."""
    with write_beside(target) as temporary, opened(image) as file, temporary.open("wb") as copy:
        shutil.copyfileobj(file, copy)
