"""YOLO: one label file (.txt) per image, one row for each face, see `yolo_rows`, in fractions of the image size.

An image without a label file has no faces, unless one with its name lies elsewhere in the dataset. The format cannot
mark ignored faces. Image sizes come from the image files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from facedet.common.errors import UserError, first_line
from facedet.data.formats.locate import Ambiguous, locate
from facedet.data.formats.parsing import BoxAnnotation, Faces, make_photo, read_text
from facedet.data.formats.yolo_labels import (
    Label,
    find_labels,
    is_named_after,
    is_text,
    names_of,
    with_folder,
    without_image,
)
from facedet.data.formats.yolo_rows import Rows, corners, decide, parse, shape_of, usual_columns
from facedet.data.image import image_size, is_image_name, is_unread_name
from facedet.data.losses import Loss, Lost
from facedet.data.storage import exists, files_in, is_dir, is_file, opened
from facedet.data.structures import Photo

SPLITS = ("train", "val", "test")  # keys of data.yaml
_NAME_FILES = ("classes.txt", "obj.names")
_LONGEST_ROW = 1 << 16  # bytes


def is_folder(folder: Path) -> bool:
    """Whether a folder has a data.yaml, images/ and labels/, or label files next to images."""
    labels = folder / "labels"
    if is_dir(folder / "images") and is_dir(labels):
        suffixes = {file.suffix.lower() for file in files_in(labels)}
        return ".txt" in suffixes or ".json" not in suffixes
    if any(is_data_yaml(file) for file in _yaml_in(folder)):
        return True
    files = files_in(folder, nested=False)
    names = {name for path in files if is_image_name(path) for name in names_of(path)}
    return any(is_text(file) and is_named_after(file, names) and is_label_file(file) for file in files)


@dataclass
class _Labels:
    """The rows of one label file, and why others could not be read."""

    size: tuple[int, int]
    rows: list[list[float]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read(path: Path, images: Path | None, losses: list[Loss], split: str | None = None) -> list[Photo]:
    """Read a data.yaml, a folder with a data.yaml, or a folder of images and label files. Raises UserError.

    The paths in a data.yaml are relative to `images` if given. Without a data.yaml, the images are in `images`, in
    images/ or in the folder itself, and the label files in labels/ or next to the images. split: key of data.yaml to
    read; None reads all. Adds each missing or unreadable file, and each label file without an image, to `losses`.
    """
    file, points = path if is_file(path) else _find_data_yaml(path), None
    if file:
        content = _load(file)
        names, points = _names(content.get("names")), _points(file, content)
        folders = {image: _label_folders(image) for image in _images_of(file, content, images, split, losses)}
    else:
        names = _names_in(path)
        folders = _folders(path, images)
    found = find_labels(folders, path if is_dir(path) else path.parent, is_label_file)
    losses += without_image(folders, found, is_label_file)
    labels: dict[Path, _Labels] = {}
    for image, label in found.items():
        try:
            labels[image] = _read_labels(image, label)
        except UserError as error:
            losses.append(Loss.of_error(Lost.IMAGE, image, error))
    rows = [row for each in labels.values() for row in each.rows]
    kind, usual = decide(rows, points, file or path), usual_columns(rows)
    return [_photo(image, each, kind, points, usual, names) for image, each in labels.items()]


def _find_data_yaml(folder: Path) -> Path | None:
    """The data.yaml of a folder, under any file name, or None. Raises UserError if there are several."""
    files = [file for file in _yaml_in(folder) if is_data_yaml(file)]
    if len(files) > 1:
        raise UserError(f"{folder}: contains {files[0].name} and {files[1].name}; give one of them")
    return files[0] if files else None


def _yaml_in(folder: Path) -> list[Path]:
    return [file for file in files_in(folder, nested=False) if file.suffix in (".yaml", ".yml")]


def is_data_yaml(file: Path) -> bool:
    """Whether a file is YAML and lists at least one split."""
    try:
        _load(file)
    except UserError:
        return False
    return True


def has_train_and_val(path: Path) -> bool:
    """Whether a data.yaml, or the one in a folder, lists both a training and a validation split."""
    file = path if path.suffix in (".yaml", ".yml") else _find_data_yaml(path) if is_dir(path) else None
    return file is not None and is_file(file) and is_data_yaml(file) and {"train", "val"} <= _load(file).keys()


def is_part(file: Path) -> bool:
    """Whether a file is the annotation of one image."""
    return is_text(file) and is_label_file(file)


def is_label_file(file: Path) -> bool:
    """Whether the first line of a text file is a face."""
    with opened(file) as stream:
        line = stream.readline(_LONGEST_ROW)
    try:
        return bool(parse(line.decode("utf-8-sig", errors="replace")))
    except ValueError:
        return False


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(file, "a YOLO data.yaml"))
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{file}: not a YOLO data.yaml ({first_line(error)})") from error
    if not isinstance(content, dict) or not any(content.get(key) for key in SPLITS):
        raise UserError(f"{file}: not a YOLO data.yaml (it has none of the keys {', '.join(SPLITS)})")
    return content


def _names(names: Any) -> dict[int, str]:
    pairs = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [])
    return {key: str(name) for key, name in pairs if isinstance(key, int)}


def _points(file: Path, content: dict[str, Any]) -> list[int] | None:
    """`kpt_shape`: the number of points of a face and of their coordinates. Raises UserError."""
    shape = content.get("kpt_shape")
    if shape is None or (isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)):
        return shape
    raise UserError(f"{file}: kpt_shape is {shape!r}, not two numbers such as [5, 2]")


def _names_in(folder: Path) -> dict[int, str]:
    for file in (parent / name for parent in (folder, folder / "labels", folder.parent) for name in _NAME_FILES):
        if is_file(file):
            return dict(enumerate(read_text(file, "a list of classes").splitlines()))
    return {}


def _images_of(
    file: Path, content: dict[str, Any], images: Path | None, split: str | None, losses: list[Loss]
) -> list[Path]:
    """The images of a split, or of all splits. Raises UserError if data.yaml does not have the split."""
    if split and not content.get(split):
        raise UserError(f"{file}: has no '{split}'; add it, or give a separate dataset")
    stated = file.parent / str(content.get("path") or "")
    root = images or (stated if is_dir(stated) else file.parent)
    paths: list[Path] = []
    for key in [split] if split else [key for key in SPLITS if content.get(key)]:
        entries = content[key] if isinstance(content[key], list) else [content[key]]
        for entry in map(str, entries):
            # some tools write ../train for a folder next to the file
            found = next((p for p in (root / entry, root / entry.removeprefix("../")) if exists(p)), None)
            if found is None and key != "test":  # nobody knows how many images that loses
                raise UserError(f"{file}: {key}: no such file or folder: {root / entry}; correct it or take it out")
            if found is None:
                losses.append(Loss(Lost.NAME, file, f"{key}: no such file or folder: {root / entry}"))
            else:
                paths += _images_in(found) if is_dir(found) else _images_in_list(found, root)
    return list(dict.fromkeys(paths))


def _images_in_list(file: Path, root: Path) -> list[Path]:
    """The images in a text file, one per line: also absolute paths of another machine, by their longest end.

    Raises UserError.
    """
    lines = [line.strip() for line in read_text(file, "a list of images").splitlines() if line.strip()]
    try:
        return [locate(line, [file.parent, root] if file.parent != root else [root]) for line in lines]
    except Ambiguous as error:
        raise UserError(f"{file}: {error}") from error


def _folders(path: Path, images: Path | None) -> dict[Path, list[Path]]:
    """The images of a folder without data.yaml, each with the folders where its label file may be."""
    folder = images or (path / "images" if is_dir(path / "images") else path)
    if not is_dir(folder):
        raise UserError(f"{folder}: is not a folder; give the folder of the images")
    folders: dict[Path, list[Path]] = {}
    for image in _images_in(folder):
        inner = image.parent.relative_to(folder)
        folders[image] = list(dict.fromkeys((path / "labels" / inner, path / inner, *_label_folders(image))))
    return folders


def _label_folders(image: Path) -> list[Path]:
    """Where the label file of an image may be: in its folder with the last images/ replaced by labels/, or in that."""
    return list(dict.fromkeys((with_folder(image.parent, "images", "labels"), image.parent)))


def _images_in(folder: Path) -> Iterator[Path]:
    return (path for path in files_in(folder) if is_image_name(path) or is_unread_name(path))


def _read_labels(image: Path, label: Label) -> _Labels:
    """The rows of an image. Raises UserError if the image or its label file cannot be read."""
    if label.problem:
        return _Labels(image_size(image), unread=[label.problem])
    labels = _Labels(image_size(image))
    for line in read_text(label.file, "a YOLO label file").splitlines() if label.file else []:
        try:
            labels.rows += [parse(line)] if line.strip() else []
        except ValueError as error:
            labels.unread.append(str(error))
    return labels


def _photo(
    image: Path, labels: _Labels, kind: Rows, points: list[int] | None, usual: int, names: dict[int, str]
) -> Photo:
    width, height = labels.size

    def face(row: list[float]) -> BoxAnnotation:
        x1, y1, x2, y2 = corners(row, kind, points, usual)
        class_id = int(row[0])
        box = [x1 * width, y1 * height, x2 * width, y2 * height]
        return BoxAnnotation(box, False, names.get(class_id, str(class_id)), shape_of(row, kind))

    faces = Faces.read(labels.rows, face)
    return make_photo(image, labels.size, Faces(faces.found, labels.unread + faces.unread))
