"""Find the image that an annotation names, wherever its tool put it and however it wrote the name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from os.path import isabs, join, splitext
from pathlib import Path, PurePosixPath
from unicodedata import normalize
from urllib.parse import unquote

from facedet.data.formats.parsing import Faces, make_photo
from facedet.data.image import SUFFIXES
from facedet.data.losses import Loss, Lost
from facedet.data.storage import identity, is_file
from facedet.data.structures import Photo

_FOLDERS = ("images", "data")  # of the images, next to the annotation file; the second is FiftyOne's


def image_folders(file: Path, images: Path | None, subset: str = "") -> list[Path]:
    """Where the images of an annotation file may be, most likely first.

    images: the folder that the user gives; then it is the only one. subset: the part of a dataset that the file or an
    image belongs to, such as train; tools give it a folder of its own.
    """
    folder = file.parent
    roots = [images] if images else [folder]
    if not images and folder.name.lower() in ("annotations", "labels"):
        roots.append(folder.parent)
    names = ["", *(_FOLDERS if not images else [])]
    parts = [root / name for root in roots for name in names]
    return [*(part / subset for part in parts if subset), *parts]


def subset_of(file: Path) -> str:
    """The subset that an annotation file is named after: train of instances_train.json, and of train.json."""
    return file.stem.removeprefix("instances_").removeprefix("person_keypoints_")


class Ambiguous(ValueError):
    """Several images fit a name equally well."""


def located_photo(name: str, folders: Sequence[Path], size: tuple[int, int], faces: Faces) -> Photo:
    """Make the photo of the image that an annotation names. size: as for `make_photo`."""
    try:
        found = _find(name, folders)
    except ValueError as error:
        return make_photo(folders[0] / name, size, Faces(faces.found, [*faces.unread, str(error)]))
    photo = make_photo(found or _default(name, folders), size, faces)
    return photo if found else _not_found(photo, folders)


def searched(photo: Photo, folders: Sequence[Path]) -> Photo:
    """The photo; if its image is not there, it says in which folders that was searched."""
    return photo if is_file(photo.path) else _not_found(photo, folders)


def _not_found(photo: Photo, folders: Sequence[Path]) -> Photo:
    tried = ", ".join(str(folder) for folder in dict.fromkeys(folders))
    return replace(photo, unread=f"no such file; searched in {tried}; give the folder of the images with --images")


def locate(name: str, folders: Sequence[Path]) -> Path:
    """The image of a name: the one at the longest end of its path. Raises Ambiguous, or ValueError for an empty name.

    name: with `/` or `\\`, also quoted as in a URL, absolute, or without suffix. Without any such image, the path in
    the first folder.
    """
    return _find(name, folders) or _default(name, folders)


def _default(name: str, folders: Sequence[Path]) -> Path:
    return folders[0] / name.replace("\\", "/").lstrip("/")


def _find(name: str, folders: Sequence[Path]) -> Path | None:
    plain = name.replace("\\", "/")
    if not plain.strip("/. "):
        raise ValueError("names no image")
    if isabs(plain) and is_file(plain):
        return Path(plain)
    local = plain.rpartition("?d=")[2]  # Label Studio's local files
    unquoted = unquote(local).replace("\\", "/")
    without_query = unquote(local.partition("?")[0]).replace("\\", "/")
    forms = (normalize(form, unquoted) for form in ("NFC", "NFD"))
    for text in dict.fromkeys((plain, unquoted, without_query, *forms)):
        parts = [part for part in text.split("/") if part not in ("", ".")]
        for first in range(len(parts)):
            found = _different(_files("/".join(parts[first:]), folders))
            if len(found) > 1:
                raise Ambiguous(f"'{name}' is {found[0]} or {found[1]}; give the folder with --images")
            if found:
                return found[0]
    return None


def names_another(stated: str, image: Path) -> bool:
    """Whether an annotation file states another image than the one that it is used for, by its own name."""
    return bool(stated) and image.stem.casefold() not in {stated.casefold(), PurePosixPath(stated).stem.casefold()}


def stale_names(folder: Path, others: Sequence[str]) -> list[Loss]:
    """One line for all annotation files that state another image. others: the file and that image."""
    reason = "annotation files state another image than the one with their own name, which is used"
    return [Loss(Lost.REMARK, folder, f"{len(others)} {reason} (first: {others[0]})")] if others else []


def without_annotation(folder: Path, images: Iterable[Path]) -> list[Loss]:
    """One line for all images of a dataset that have no annotation file."""
    first, *more = [*sorted(images), None]
    reason = f"{len(more)} images have no annotation file, and are not used (first: {first})"
    return [Loss(Lost.REMARK, folder, reason)] if more else []


def _different(files: Iterable[Path]) -> list[Path]:
    """The files, each under its first name: the same one has several where the case of letters does not count."""
    names: dict[tuple, Path] = {}
    for file in files:
        names.setdefault(identity(file), file)
    return list(names.values())


def _files(end: str, folders: Sequence[Path]) -> Iterator[Path]:
    """The images that lie at an end of a path in one of the folders."""
    known = splitext(end)[1].lower() in SUFFIXES
    suffixes = ["", *([] if known else (each for suffix in sorted(SUFFIXES) for each in (suffix, suffix.upper())))]
    files = (join(folder, end + suffix) for folder in folders for suffix in suffixes)
    return (Path(file) for file in files if is_file(file))
