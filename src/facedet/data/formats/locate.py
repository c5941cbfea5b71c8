"""Find the image that an annotation names, wherever its tool put it and however it wrote the name."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from facedet.data.image import SUFFIXES


def image_folders(file: Path, images: Path | None, subset: str = "") -> list[Path]:
    """Where the images of an annotation file may be, most likely first.

    images: the folder that the user gives; then it is the only one. subset: the part of a dataset that the file or an
    image belongs to, such as train; tools give it a folder of its own.
    """
    folder = file.parent
    roots = [images] if images else [folder]
    if not images and folder.name.lower() in ("annotations", "labels"):
        roots.append(folder.parent)
    names = ["", *(["images"] if not images else [])]
    parts = [root / name for root in roots for name in names]
    return [*(part / subset for part in parts if subset), *parts]


def subset_of(file: Path) -> str:
    """The subset that an annotation file is named after: train of instances_train.json, and of train.json."""
    return file.stem.removeprefix("instances_").removeprefix("person_keypoints_")


class Ambiguous(ValueError):
    """Several images fit a name equally well."""


def locate(name: str, folders: Sequence[Path]) -> Path:
    """The image of a name: the one at the longest end of its path. Raises Ambiguous.

    name: with `/` or `\\`, also quoted as in a URL, absolute, or without suffix. Without any such image, the path in the
    first folder.
    """
    for text in dict.fromkeys((name.replace("\\", "/"), unquote(name.replace("\\", "/").partition("?d=")[2] or name))):
        parts = [part for part in PurePosixPath(text).parts if part not in ("/", ".")]
        for first in range(len(parts)):
            found = list(dict.fromkeys(_files(PurePosixPath(*parts[first:]), folders)))
            if len(found) > 1:
                raise Ambiguous(f"'{name}' is {found[0]} or {found[1]}; give the folder with --images")
            if found:
                return found[0]
    return folders[0] / name.replace("\\", "/")


def _files(end: PurePosixPath, folders: Sequence[Path]) -> Iterator[Path]:
    """The images that lie at an end of a path in one of the folders."""
    ends = [end] if end.suffix.lower() in SUFFIXES else [end.with_name(end.name + suffix) for suffix in sorted(SUFFIXES)]
    return (folder / each for folder in folders for each in ends if (folder / each).is_file())
