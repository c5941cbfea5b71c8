"""Which format a set of annotated photographs has, told by its content."""

import re
from pathlib import Path

from facedet.core.common.errors import UserError
from facedet.core.data.formats import yolo
from facedet.core.data.image import SUFFIXES

_ONE_FILE = ("coco", "cvat", "datumaro", "wider")
FORMATS = ("coco", "cvat", "datumaro", "voc", "wider", "yolo")
_HEAD = 1 << 20  # characters read to tell the format
_JSON_KEY = re.compile(r'"(?:(items)|images|annotations|(categories))"\s*:\s*([\[{])')
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*)")
_ASK = f"name its format with --format: {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def recognise(path: Path) -> str:
    """One of `FORMATS`. Raises UserError if it is none of them, or several."""
    return locate(path)[0]


def locate(path: Path, format: str | None = None) -> tuple[str, Path]:
    """The format of a set and what its reader reads: the file or folder given, or the one file of it in the folder.

    format: given where it is not to be recognised. Raises UserError.
    """
    if format is not None and format not in FORMATS:
        raise UserError(f"'{format}' is no format of a set; {_ASK}")
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        return format or _form_of_named(path), path
    if format in ("voc", "yolo"):
        return format, path
    found = [each for each in _within(path) if format in (None, each[0])]
    if len(found) > 1:
        first, second = (_said(each, path) for each in found[:2])
        raise UserError(f"{path}: holds {first} and {second}; give one of the files, or {_ASK}")
    if not found:
        known = f"the format {format}" if format else "any format known here"
        raise UserError(f"{path}: not a set of {known}; {_ASK}")
    return found[0]


def _form_of_named(file: Path) -> str:
    if format := _form_of(file):
        return format
    by_suffix = {".json": "coco", ".yaml": "yolo", ".yml": "yolo"}  # their readers say best what is wrong
    if file.suffix.lower() not in by_suffix:
        raise UserError(f"{file}: not a set of any format known here; {_ASK}")
    return by_suffix[file.suffix.lower()]


def _within(folder: Path) -> list[tuple[str, Path]]:
    """Every set that a folder is or holds."""
    found = [(format, folder) for format, test in (("voc", _is_voc), ("yolo", _is_yolo)) if test(folder)]
    for place in (folder, folder / "annotations"):
        for file in sorted(path for path in place.glob("*.*") if path.suffix.lower() in (".json", ".xml", ".txt")):
            format = _form_of(file)
            found += [(format, file)] if format in _ONE_FILE else []
    return found


def _form_of(file: Path) -> str | None:
    """The format of one file by what it begins with."""
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
    return first is not None and _form_of(first) is None


def _is_yolo(folder: Path) -> bool:
    if (folder / "images").is_dir() and (folder / "labels").is_dir():
        return True
    if any(yolo.is_yaml(file) for pattern in ("*.yaml", "*.yml") for file in folder.glob(pattern)):
        return True
    pictures = {path.stem for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
    return any(file.stem in pictures and yolo.is_labels(file) for file in folder.glob("*.txt"))


def _said(found: tuple[str, Path], folder: Path) -> str:
    format, path = found
    return f"a set of the format {format}" if path == folder else f"{path.relative_to(folder)} ({format})"
