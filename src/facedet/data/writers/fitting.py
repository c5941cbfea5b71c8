"""What of a dataset a target can hold. All that it cannot is a loss."""

from collections.abc import Iterable
from dataclasses import replace

from facedet.data.image import SUFFIXES
from facedet.data.losses import Loss, Lost
from facedet.data.structures import Photo
from facedet.data.writers.naming import writable
from facedet.data.writers.table import Target

FACE = "face"  # the class of faces that have none


def fit(photos: Iterable[Photo], target: Target, losses: list[Loss]) -> list[Photo]:
    """The photos that the target can hold, each box with a class. Adds the rest to `losses`."""
    suffixes = target.suffixes or tuple(SUFFIXES)
    fitted = []
    for photo in photos:
        if photo.path.suffix.lower() in suffixes:
            fitted.append(_fit_classes(_fit_ignored(photo, target, losses), target, losses))
        else:
            reason = f"tools for {target.name} find no '{photo.path.suffix}' images, only {', '.join(sorted(suffixes))}"
            losses.append(Loss(Lost.IMAGE, photo.path, reason))
    return fitted


def class_names(photo: Photo) -> list[str]:
    """The class of each box; `FACE` for those without one."""
    return [name or FACE for name in photo.classes] or [FACE] * len(photo.boxes)


def _fit_ignored(photo: Photo, target: Target, losses: list[Loss]) -> Photo:
    if target.marks_ignored or not photo.ignored.any():
        return photo
    for box in photo.boxes[photo.ignored]:
        numbers = ", ".join(f"{value:g}" for value in box)
        reason = f"{target.name} cannot mark a face as ignored: box [{numbers}] is left out and counts as background"
        losses.append(Loss(Lost.BOX, photo.path, reason))
    return photo.only(~photo.ignored)


def _fit_classes(photo: Photo, target: Target, losses: list[Loss]) -> Photo:
    names = class_names(photo)
    held = [(writable(name) or FACE) if target.has_classes else FACE for name in names]
    for name, other in zip(names, held, strict=True):
        if name != other:
            losses.append(Loss(Lost.CLASS, photo.path, f"{target.name} cannot hold the class {name!r}: it is {other}"))
    return replace(photo, classes=tuple(held))
