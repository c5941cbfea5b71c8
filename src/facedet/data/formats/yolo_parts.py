"""The parts of a YOLO dataset, which are folders or lists of images: those without labels, unlike others."""

from collections.abc import Callable
from pathlib import Path

from facedet.data.formats.splits import split_of
from facedet.data.formats.yolo_labels import Label
from facedet.data.losses import Loss, Lost

Parts = dict[Path, tuple[str, list[Path]]]  # the split of each, empty for none, and its images


def parts_in_folder(folder: Path, images: list[Path]) -> Parts:
    """The parts of a folder of images: the folders in it that are named after splits, and the rest."""
    parts: Parts = {}
    for image in images:
        top = image.relative_to(folder).parts[0]
        split = split_of(top) if image.parent != folder else None
        parts.setdefault(folder / top if split else folder, (split or "", []))[1].append(image)
    return parts


def mark_unlabelled(
    labels: dict[Path, Label], parts: Parts, split: str | None, others: Callable[[], bool], losses: list[Loss]
) -> None:
    """Let no image of a part without any label file be background, if other parts have some.

    A split for tests that is not asked for is left out. others: whether parts that are not read have label files.
    """
    empty = [
        (part, key, images)
        for part, (key, images) in parts.items()
        if key and images and not any(labels[image].file for image in images)
    ]
    if not empty or not (any(label.file for label in labels.values()) or others()):
        return
    for part, key, images in empty:
        if key == "test" and not split:
            losses.append(Loss(Lost.REMARK, part, f"{len(images)} images for tests have no label files; not used"))
        for image in images:
            if key == "test" and not split:
                labels.pop(image, None)
            elif image in labels and not labels[image].problem:
                labels[image] = Label(None, f"no label file in {part}, unlike others; background needs empty ones")
