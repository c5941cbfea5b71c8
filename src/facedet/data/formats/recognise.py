"""Recognise the annotation format of a dataset by its content."""

import re
from pathlib import Path

from facedet.common.errors import UserError
from facedet.data.formats import yolo
from facedet.data.image import SUFFIXES

_SINGLE_FILE = ("coco", "cvat", "datumaro", "wider")
FORMATS = ("coco", "cvat", "datumaro", "voc", "wider", "yolo")
_HEAD = 1 << 20  # characters read to recognise a file
_JSON_KEY = re.compile(r'"(?:(items)|images|annotations|(categories))"\s*:\s*([\[{])')
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)")
_GIVE_FORMAT = f"give its format with --format: {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def recognise(path: Path) -> str:
    """One of `FORMATS`. Raises UserError if the format is unknown or ambiguous."""
    return find_annotations(path)[0]


def find_annotations(path: Path, format: str | None = None) -> tuple[str, Path]:
    """The format of a dataset and the path for its reader: the given one, or the annotation file in the given folder.

    format: one of `FORMATS`; None recognises it. Raises UserError.
    """
    if format is not None and format not in FORMATS:
        raise UserError(f"'{format}' is not a dataset format; {_GIVE_FORMAT}")
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        return format or _format_of_given_file(path), path
    if format in ("voc", "yolo"):
        return format, path
    found = [candidate for candidate in _datasets_in(path) if format in (None, candidate[0])]
    if len(found) > 1:
        first, second = (_describe(*candidate, path) for candidate in found[:2])
        raise UserError(f"{path}: contains {first} and {second}; give one of the files, or {_GIVE_FORMAT}")
    if not found:
        expected = f"the format {format}" if format else "any known format"
        raise UserError(f"{path}: not a dataset of {expected}; {_GIVE_FORMAT}")
    return found[0]


def _format_of_given_file(file: Path) -> str:
    if format := _format_of(file):
        return format
    by_suffix = {".json": "coco", ".yaml": "yolo", ".yml": "yolo"}  # the reader then reports what is wrong
    if file.suffix.lower() not in by_suffix:
        raise UserError(f"{file}: not a dataset of any known format; {_GIVE_FORMAT}")
    return by_suffix[file.suffix.lower()]


def _datasets_in(folder: Path) -> list[tuple[str, Path]]:
    """Format and path of every dataset that a folder is or contains."""
    found = [(format, folder) for format, test in (("voc", _is_voc), ("yolo", _is_yolo)) if test(folder)]
    for parent in (folder, folder / "annotations"):
        for file in sorted(path for path in parent.glob("*.*") if path.suffix.lower() in (".json", ".xml", ".txt")):
            format = _format_of(file)
            found += [(format, file)] if format in _SINGLE_FILE else []
    return found


def _format_of(file: Path) -> str | None:
    """The format of a file, from its beginning."""
    head = _head(file)
    if head.startswith("{"):
        key = _JSON_KEY.search(head)
        datumaro = key and (key[1] or (key[2] and key[3] == "{"))
        return "datumaro" if datumaro else "coco" if key else None
    if head.startswith("<"):
        root = _XML_ROOT.search(head)
        return "cvat" if root and root[1] == "annotations" else None
    path, count, *_ = [*map(str.strip, head.split("\n", 2)), "", ""]
    return "wider" if path.lower().endswith(tuple(SUFFIXES)) and count.isdecimal() else None


def _head(file: Path) -> str:
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        return stream.read(_HEAD).lstrip()


def _is_voc(folder: Path) -> bool:
    files = (file for name in ("annotations", "Annotations") for file in (folder / name).glob("*.xml"))
    first = next(files, None)
    return first is not None and _format_of(first) is None


def _is_yolo(folder: Path) -> bool:
    if (folder / "images").is_dir() and (folder / "labels").is_dir():
        return True
    if any(yolo.is_data_yaml(file) for pattern in ("*.yaml", "*.yml") for file in folder.glob(pattern)):
        return True
    images = {path.stem for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
    return any(file.stem in images and yolo.is_label_file(file) for file in folder.glob("*.txt"))


def _describe(format: str, path: Path, folder: Path) -> str:
    return f"a dataset of the format {format}" if path == folder else f"{path.relative_to(folder)} ({format})"
