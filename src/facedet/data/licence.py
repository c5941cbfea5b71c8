"""The licence of a dataset, as far as its files state one."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, one_line
from facedet.data.dataset import DatasetSource
from facedet.data.formats.parsing import MALFORMED, beginning, read_text
from facedet.data.formats.recognise import find_annotations
from facedet.data.formats.yolo_yaml import find_data_yaml, load
from facedet.data.storage import files_in, is_dir

_KEY = re.compile(r'"licenses"\s*:\s*(?=\[)')
_LINE = re.compile(r"^[^\w\n]*licen[sc]e[^\w\n:]*:[^\w\n]*(\w.*)$", re.IGNORECASE | re.MULTILINE)
_OWN_FILE = re.compile(r"(un)?licen[sc]e|copying", re.IGNORECASE)  # its first line is the name of the licence
_README, _TEXTS = "readme", ("", ".txt", ".md", ".rst")
_LONGEST, _MOST = 100, 3  # characters of a name, licences in a COCO JSON


def licence_of(source: DatasetSource) -> str:
    """What the files of a dataset state, such as `CC BY 4.0 (data.yaml)`; empty if they state nothing.

    Reads `licenses` in a COCO JSON, `license` in a data.yaml, also Roboflow's, a line `License: ...` in a README, and
    the first line of a LICENSE.
    """
    stated: dict[str, list[str]] = {}
    try:
        files = list(_files(source))
    except (UserError, OSError):  # it may be gone: a run asks when it writes its first checkpoint
        return ""
    for file in files:
        with suppress(UserError, *MALFORMED, RecursionError):
            for words in filter(None, map(_cleaned, _read(file))):
                stated.setdefault(words, []).append(file.name)
    return "; ".join(f"{words} ({', '.join(dict.fromkeys(files))})" for words, files in stated.items())


def _files(source: DatasetSource) -> Iterator[Path]:
    """The files that may state a licence: the annotations, then those beside them and in the dataset's folder."""
    annotations = find_annotations(source.path, source.format, source.split)
    for format, path in annotations:
        if format == "coco":
            yield path
        elif format == "yolo" and (file := find_data_yaml(path) if is_dir(path) else path):
            yield file
    places = [source.path, *(path for _, path in annotations)]
    for folder in dict.fromkeys(path if is_dir(path) else path.parent for path in places):
        yield from (file for file in files_in(folder, nested=False) if _is_text(file))


def _is_text(file: Path) -> bool:
    name = file.name.lower()
    return file.suffix.lower() in _TEXTS and bool(name.startswith(_README) or _OWN_FILE.match(name))


def _read(file: Path) -> list[Any]:
    """What a file states. Raises UserError or one of `MALFORMED` if it is damaged."""
    if file.suffix in (".yaml", ".yml"):
        content = load(file)
        roboflow = content.get("roboflow")
        return [content.get("license"), roboflow.get("license") if isinstance(roboflow, dict) else None]
    if file.suffix.lower() == ".json":
        text = read_text(file, "a COCO JSON")
        key = _KEY.search(text)
        listed, _ = json.JSONDecoder().raw_decode(text, key.end()) if key else ([], 0)
        names = list(dict.fromkeys(filter(None, (_cleaned(each.get("name") or each.get("url")) for each in listed))))
        more = [f"{len(names) - _MOST} more"] if len(names) > _MOST else []
        return [", ".join([*names[:_MOST], *more])]
    text = beginning(file)
    if _OWN_FILE.match(file.name):
        return text.splitlines()[:1]
    return _LINE.findall(text)[:1]


def _cleaned(name: Any) -> str:
    """A name in one line; empty for what is not one, or not in the encoding of its file."""
    if not isinstance(name, str) or "\ufffd" in name:
        return ""
    return one_line(name).strip(" \"'*_`")[:_LONGEST]
