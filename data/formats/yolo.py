"""YOLO txt: one txt a picture, `class cx cy w h` a face as fractions of the picture; a picture without one has none.

The format has no mark for ignored faces. Sizes come from the pictures' headers.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from facedet.core.common.errors import UserError, first_line
from facedet.core.data.formats.parsing import NAN_BOX, Face, annotated_image, read_text
from facedet.core.data.image import SUFFIXES, image_size
from facedet.core.data.structures import Photo

SPLITS = ("train", "val", "test")  # keys of data.yaml
_NAME_FILES = ("classes.txt", "obj.names")


def read(path: Path, images: Path | None, skipped: list[str], split: str | None = None) -> list[Photo]:
    """The photographs of a data.yaml, of a folder that holds one, or of a folder of pictures and txts.

    Without a data.yaml, pictures lie under `images`, in images/ or in the folder itself, txts in labels/ or beside the
    pictures; with one, the paths in it count from `images` if given. split: key of data.yaml to read, all if None.
    Adds a line to `skipped` for what is missing or unreadable; a malformed line becomes a box of NaN. Raises UserError.
    """
    file = path if path.is_file() else find_yaml(path)
    if file:
        content = _load(file)
        names = _names(content.get("names"))
        labels = {picture: _mirrored(picture) for picture in _listed(file, content, images, split, skipped)}
    else:
        names = _names_beside(path)
        labels = _labels(path, images, skipped)
    photos = []
    for picture, places in labels.items():
        try:
            photos.append(_photo(picture, places, names))
        except UserError as error:
            skipped.append(str(error))
    return photos


def find_yaml(folder: Path) -> Path | None:
    """The data.yaml of a folder, whatever its name, if there is one. Raises UserError if there are several."""
    files = [file for suffix in ("yaml", "yml") for file in sorted(folder.glob(f"*.{suffix}")) if is_yaml(file)]
    if len(files) > 1:
        raise UserError(f"{folder}: holds {files[0].name} and {files[1].name}; name one of them")
    return files[0] if files else None


def is_yaml(file: Path) -> bool:
    """Whether a file is a yaml that tells where splits lie."""
    try:
        _load(file)
    except UserError:
        return False
    return True


def tells_of_both(path: Path) -> bool:
    """Whether a data.yaml, or the one in a folder, has pictures to train on and others to validate on."""
    file = path if path.suffix in (".yaml", ".yml") else find_yaml(path) if path.is_dir() else None
    return file is not None and file.is_file() and is_yaml(file) and {"train", "val"} <= _load(file).keys()


def is_labels(file: Path) -> bool:
    """Whether a txt's first line is a face."""
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        words = stream.readline(200).split()
    return bool(words) and not math.isnan(_face(words, (1, 1), {})[0][0])


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(read_text(file, "a YOLO data.yaml"))
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{file}: not a YOLO data.yaml ({first_line(error)})") from error
    if not isinstance(content, dict) or not any(content.get(key) for key in SPLITS):
        raise UserError(f"{file}: not a YOLO data.yaml (it has neither {', '.join(SPLITS[:-1])} nor {SPLITS[-1]})")
    return content


def _names(names: Any) -> dict[int, str]:
    named = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [])
    return {key: str(name) for key, name in named if isinstance(key, int)}


def _names_beside(folder: Path) -> dict[int, str]:
    for file in (place / name for place in (folder, folder / "labels") for name in _NAME_FILES):
        if file.is_file():
            return dict(enumerate(read_text(file, "a list of classes").splitlines()))
    return {}


def _listed(
    file: Path, content: dict[str, Any], images: Path | None, split: str | None, skipped: list[str]
) -> list[Path]:
    """The pictures of a split. Raises UserError if the file does not tell of it."""
    if split and not content.get(split):
        raise UserError(f"{file}: tells of no '{split}'; add it, or give a set of its own")
    named = file.parent / str(content.get("path") or "")
    root = images or (named if named.is_dir() else file.parent)
    pictures: list[Path] = []
    for key in [split] if split else [key for key in SPLITS if content.get(key)]:
        places = content[key] if isinstance(content[key], list) else [content[key]]
        for place in map(str, places):
            # some tools write ../train for what lies beside the file
            found = next((p for p in (root / place, root / place.removeprefix("../")) if p.exists()), None)
            if found is None:
                skipped.append(f"{file}: {key}: no such file or folder as {root / place}")
            else:
                pictures += _pictures(found) if found.is_dir() else _lines(found, root)
    return list(dict.fromkeys(pictures))


def _lines(file: Path, root: Path) -> list[Path]:
    """The pictures a text file names, one a line, from its folder or from the root."""
    lines = [line.strip() for line in read_text(file, "a list of pictures").splitlines() if line.strip()]
    return [file.parent / line if (file.parent / line).is_file() else root / line for line in lines]


def _labels(path: Path, images: Path | None, skipped: list[str]) -> dict[Path, list[Path]]:
    """The pictures of a folder without data.yaml and where the txt of each may lie."""
    folder = images or (path / "images" if (path / "images").is_dir() else path)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    separate = path / "labels"
    labels: dict[Path, list[Path]] = {}
    for picture in _pictures(folder):
        relative = picture.relative_to(folder).with_suffix(".txt")
        labels[picture] = [separate / relative, path / relative, *_mirrored(picture)]
    known = {place for places in labels.values() for place in places}
    orphans = (file for file in sorted(separate.rglob("*.txt")) if file not in known and file.name not in _NAME_FILES)
    skipped.extend(f"{file}: no picture of that name in {folder}" for file in orphans)
    return labels


def _mirrored(picture: Path) -> list[Path]:
    """Where a picture's txt may lie: in the labels/ that mirrors the last images/ of its path, or beside it."""
    beside = picture.with_suffix(".txt")
    folders = beside.parts[:-1]
    if "images" not in folders:
        return [beside]
    last = len(folders) - 1 - folders[::-1].index("images")
    return [Path(*folders[:last], "labels", *beside.parts[last + 1 :]), beside]


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)


def _photo(picture: Path, places: list[Path], names: dict[int, str]) -> Photo:
    size = image_size(picture)
    file = next((place for place in places if place.is_file()), None)
    lines = read_text(file, "a YOLO txt").splitlines() if file else []
    return annotated_image(picture, size, [_face(line.split(), size, names) for line in lines if line.strip()])


def _face(words: list[str], size: tuple[int, int], names: dict[int, str]) -> Face:
    try:
        kind, x, y, w, h = (float(word) for word in words)
        name = names.get(int(kind), str(int(kind)))
    except (ValueError, OverflowError):
        return NAN_BOX, False, words[0]
    width, height = size
    return [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height], False, name
