"""YOLO label files that lie where no tool looks for them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from facedet.data.image import SUFFIXES
from facedet.data.names import common_end
from facedet.data.storage import files_in, is_file


def labels_elsewhere(
    root: Path, candidates: Mapping[Path, Sequence[Path]], is_label: Callable[[Path], bool]
) -> dict[Path, Path]:
    """For images without a label file: one with their name elsewhere in the dataset that belongs to no other image.

    candidates: where the label file of each image may be. is_label: whether a text file is one.
    """
    missing: dict[str, list[Path]] = defaultdict(list)
    for image, files in candidates.items():
        if not any(map(is_file, files)):
            missing[image.stem].append(image)
    known = {file for files in candidates.values() for file in files} if missing else set()
    found: dict[Path, Path] = {}
    texts = [file for file in files_in(root) if file.suffix == ".txt"] if missing else []
    for file in texts:
        if file.stem in missing and file not in known and is_label(file) and not _own_images(file):
            ends = {image: common_end(image.parent.parts, file.parent.parts) for image in missing[file.stem]}
            found |= {image: file for image, end in ends.items() if end == max(ends.values())}
    return found


def with_folder(path: Path, old: str, new: str) -> Path:
    """A path with its last folder of a name replaced by another one."""
    if old not in path.parts:
        return path
    last = len(path.parts) - 1 - path.parts[::-1].index(old)
    return Path(*path.parts[:last], new, *path.parts[last + 1 :])


def _own_images(file: Path) -> list[Path]:
    """The images for which a label file is where it is expected."""
    folders = {file.parent, with_folder(file.parent, "labels", "images")}
    same = (folder / f"{file.stem}{suffix}" for folder in folders for suffix in SUFFIXES)
    return [each for each in same if is_file(each)]
