"""Which label file belongs to which image of a YOLO dataset, however a tool wrote its name and wherever it lies."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from os.path import commonpath
from pathlib import Path
from unicodedata import normalize

from facedet.data.image import is_image_name
from facedet.data.losses import Loss, Lost
from facedet.data.names import common_end
from facedet.data.storage import files_in

Folders = Mapping[Path, Sequence[Path]]  # of each image: where its label file may be, most likely first
_OTHERS = (".xml", ".json")  # annotations of one image in other formats


@dataclass(frozen=True)
class Label:
    """The label file of an image; None without one. problem: why the image's annotation is not known."""

    file: Path | None = None
    problem: str = ""


def is_text(file: Path) -> bool:
    """Whether a file has the suffix of label files."""
    return file.suffix.lower() == ".txt"


def names_of(image: Path) -> set[str]:
    """What the label file of an image may be called, without its suffix: a or a.jpg for a.jpg."""
    return {_plain(image.stem), _plain(image.name)}


def is_named_after(file: Path, names: set[str]) -> bool:
    """Whether a file is named after an image that has these names."""
    return _plain(file.stem) in names


def find_labels(folders: Folders, is_label: Callable[[Path], bool]) -> dict[Path, Label]:
    """The label file of each image. is_label: whether a text file is a label file."""
    listed = {folder: _by_name(folder) for folder in dict.fromkeys(f for each in folders.values() for f in each)}
    named = cache(_names_in)
    labels = {image: _label_of(image, [listed[folder] for folder in each], named) for image, each in folders.items()}
    users: dict[Path, list[Path]] = defaultdict(list)
    for image, label in labels.items():
        if label.file and is_image_name(image):
            users[label.file].append(image)
    for file, (first, *more) in users.items():
        if more:
            shared = Label(file, f"{first.name} and {more[0].name} share one label file, {file.name}")
            labels |= dict.fromkeys((first, *more), shared)
    return labels | _elsewhere(folders, labels, is_label, named)


def without_image(folders: Folders, labels: Mapping[Path, Label], is_label: Callable[[Path], bool]) -> Iterator[Loss]:
    """The label files, in the folders where those of the images may be, that belong to no image, used or not."""
    used = {label.file for label in labels.values()}
    images: dict[Path, set[Path]] = defaultdict(set)
    for image, each in folders.items():
        for folder in each:
            images[folder].add(image.parent)
    for folder, image_folders in sorted(images.items()):
        names = {name for each in image_folders for name in _names_in(each)}
        for file in files_in(folder, nested=False):
            if is_text(file) and file not in used and not is_named_after(file, names) and is_label(file):
                yield Loss(Lost.IMAGE, file, "a label file without an image")


def with_folder(path: Path, old: str, new: str) -> Path:
    """A path with its last folder of a name replaced by another one."""
    if old not in path.parts:
        return path
    last = len(path.parts) - 1 - path.parts[::-1].index(old)
    return Path(*path.parts[:last], new, *path.parts[last + 1 :])


def _label_of(image: Path, places: Iterable[Mapping[str, Sequence[Path]]], named: Callable[[Path], set[str]]) -> Label:
    """The label file of an image. places: the files of each folder by their names without case. named: `_names_in`."""
    names, others = names_of(image), []
    for place in places:
        same = sorted(file for name in {name.casefold() for name in names} for file in place.get(name, ()))
        texts = [file for file in same if is_text(file) and is_named_after(file, names)]
        if texts:
            problem = f"it has two label files, {texts[0].name} and {texts[1].name}" if len(texts) > 1 else ""
            return Label(texts[0], problem)
        others += same
    for file in others:
        if is_text(file) and not is_named_after(file, named(image.parent)):
            return Label(file, f"its label file may be {file.name}, which differs in the case of letters")
        if file.suffix.lower() in _OTHERS and is_named_after(file, names):
            return Label(None, f"it is annotated in {file.name}, another format")
    return Label()


def _elsewhere(
    folders: Folders,
    labels: Mapping[Path, Label],
    is_label: Callable[[Path], bool],
    named: Callable[[Path], set[str]],
) -> dict[Path, Label]:
    """For images without a label file: one with their name elsewhere in the dataset that belongs to no other image."""
    missing: dict[str, list[Path]] = defaultdict(list)
    for image, label in labels.items():
        if label == Label():
            for name in names_of(image):
                missing[name].append(image)
    known = {(folder, name) for image, each in folders.items() for folder in each for name in names_of(image)}
    found: dict[Path, Label] = {}
    for file in (file for root in _roots(folders) for file in files_in(root)) if missing else ():
        name = _plain(file.stem)
        if name not in missing or not is_text(file) or (file.parent, name) in known or not is_label(file):
            continue
        if not any(name in named(folder) for folder in {file.parent, with_folder(file.parent, "labels", "images")}):
            ends = {image: common_end(image.parent.parts, file.parent.parts) for image in missing[name]}
            problem = f"its label file may be {file}, which is not where it is expected"
            found |= {image: Label(None, problem) for image, end in ends.items() if end == max(ends.values())}
    return found


def _roots(folders: Folders) -> list[Path]:
    """The folders that hold both the images and the places of their label files, unless that is a whole disk."""
    shared = {commonpath([image.parent, *each]) for image, each in folders.items()}
    roots = sorted(Path(each) for each in shared if Path(each).resolve() not in (Path.home(), Path(Path(each).anchor)))
    return [root for root in roots if not any(other in root.parents for other in roots)]


def _by_name(folder: Path) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    for file in files_in(folder, nested=False):
        files[_plain(file.stem).casefold()].append(file)
    return files


def _names_in(folder: Path) -> set[str]:
    """What the label files of the images in a folder may be called."""
    return {name for file in files_in(folder, nested=False) if is_image_name(file) for name in names_of(file)}


def _plain(name: str) -> str:
    return normalize("NFC", name)
