"""YOLO: one label file (.txt) per image, one row for each face, see `yolo_rows`, in fractions of the image size.

An image without a label file has no faces, unless it may have one, see `yolo_labels`, or none of its part of the
dataset has one, see `yolo_parts`. The format cannot mark ignored faces. Image sizes come from the image files.
"""

from dataclasses import dataclass, field
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats.parsing import BoxAnnotation, Faces, lines_of, make_photo, read_text
from facedet.data.formats.yolo_labels import (
    Label,
    find_labels,
    is_named_after,
    is_text,
    names_of,
    with_folder,
    without_image,
)
from facedet.data.formats.yolo_names import names_in_folders, names_in_yaml
from facedet.data.formats.yolo_parts import Parts, mark_unlabelled, parts_in_folder
from facedet.data.formats.yolo_rows import Rows, corners, decide, parse, shape_of, usual_columns
from facedet.data.formats.yolo_yaml import (
    find_data_yaml,
    images_in,
    is_data_yaml,
    load,
    parts_in_yaml,
    points_in_yaml,
    yaml_in,
)
from facedet.data.image import image_size, is_image_name
from facedet.data.losses import Loss, Lost
from facedet.data.storage import beginning_of, files_in, is_dir, is_file
from facedet.data.structures import Photo

_LONGEST_ROW = 1 << 16  # bytes


def is_folder(folder: Path) -> bool:
    """Whether a folder has a data.yaml, images/ and labels/, or label files next to images."""
    labels = folder / "labels"
    if is_dir(folder / "images") and is_dir(labels):
        suffixes = {file.suffix.lower() for file in files_in(labels)}
        return ".txt" in suffixes or ".json" not in suffixes
    if any(is_data_yaml(file) for file in yaml_in(folder)):
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
    file, points = path if is_file(path) else find_data_yaml(path), None
    if file:
        content = load(file)
        names, points = names_in_yaml(content.get("names"), file), points_in_yaml(file, content)
        parts = parts_in_yaml(file, content, images, split, losses)
        folders = _label_folders(parts)
    else:
        top = _top(path, images)
        names, parts = names_in_folders(path, top), parts_in_folder(top, list(images_in(top)))
        folders = _label_folders(parts, path, top)

    def others() -> bool:
        try:
            every = parts_in_yaml(file, content, images, None, []) if file and split else {}
        except UserError:  # a split is missing that is not asked for
            return False
        return any(label.file for label in find_labels(_label_folders(every), is_label_file).values())

    found = find_labels(folders, is_label_file)
    losses += without_image(folders, found, is_label_file)
    mark_unlabelled(found, parts, split, others, losses)
    labels: dict[Path, _Labels] = {}
    for image, label in found.items():
        try:
            labels[image] = _read_labels(image, label)
        except UserError as error:
            losses.append(Loss.of_error(Lost.IMAGE, image, error))
    rows = [row for each in labels.values() for row in each.rows]
    kind, usual = decide(rows, points, file or path), usual_columns(rows)
    return [_photo(image, each, kind, points, usual, names) for image, each in labels.items()]


def is_part(file: Path) -> bool:
    """Whether a file is the annotation of one image."""
    return is_text(file) and is_label_file(file)


def is_label_file(file: Path) -> bool:
    """Whether the first line of a text file is a face."""
    first, *_ = beginning_of(file, _LONGEST_ROW).splitlines() or [b""]
    try:
        return bool(parse(first.decode("utf-8-sig", errors="replace")))
    except ValueError:
        return False


def _top(path: Path, images: Path | None) -> Path:
    """The folder of the images of a folder without data.yaml. Raises UserError."""
    folder = images or (path / "images" if is_dir(path / "images") else path)
    if not is_dir(folder):
        raise UserError(f"{folder}: is not a folder; give the folder of the images")
    return folder


def _label_folders(parts: Parts, path: Path | None = None, top: Path | None = None) -> dict[Path, list[Path]]:
    """Where the label file of each image may be: in its folder with the last images/ replaced by labels/, or in that.

    path, top: of a dataset without data.yaml, its folder and that of its images: first in the same folders of it.
    """
    folders: dict[Path, list[Path]] = {}
    for image in (image for _, images in parts.values() for image in images):
        usual = [with_folder(image.parent, "images", "labels"), image.parent]
        if path and top:
            inner = image.parent.relative_to(top)
            usual = [path / "labels" / inner, path / inner, *usual]
        folders[image] = list(dict.fromkeys(usual))
    return folders


def _read_labels(image: Path, label: Label) -> _Labels:
    """The rows of an image. Raises UserError if the image or its label file cannot be read."""
    if label.problem:
        return _Labels(image_size(image), unread=[label.problem])
    labels = _Labels(image_size(image))
    for line in lines_of(read_text(label.file, "a YOLO label file")) if label.file else []:
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
        if names and row[0] not in names:
            raise ValueError(f"class {row[0]:g} is not in names")
        box = [x1 * width, y1 * height, x2 * width, y2 * height]
        return BoxAnnotation(box, False, names.get(int(row[0]), f"{row[0]:g}"), shape_of(row, kind))

    faces = Faces.read(labels.rows, face)
    return make_photo(image, labels.size, Faces(faces.found, labels.unread + faces.unread))
