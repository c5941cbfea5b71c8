"""The licence of a dataset, as far as its files state one."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from facedet.common.errors import UserError, one_line
from facedet.data.dataset import DatasetSource
from facedet.data.formats.parsing import MALFORMED, beginning, lines_of, read_text
from facedet.data.formats.recognise import find_annotations
from facedet.data.formats.yolo_yaml import find_data_yaml, load
from facedet.data.storage import files_in, is_dir

_COCO = re.compile(r'"licenses"\s*:\s*(?=\[)')
_README, _LICENCE = re.compile(r"readme\b", re.IGNORECASE), re.compile(r"(un)?licen[sc]e|copying", re.IGNORECASE)
_TEXTS = ("", ".txt", ".md", ".rst")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_LINE = re.compile(r"\W*licen[sc]e\W*[:|]\W*(\w.*)", re.IGNORECASE)
_HEADING = re.compile(r"#+\s*licen[sc]e\W*", re.IGNORECASE)
_NO_NAMES = ("", "null", "none", "unknown", "other", "n/a", "na", "tbd")
_LONGEST, _MOST, _MOST_LINES = 100, 3, 500  # characters of a name, licences of a COCO JSON, lines of YAML


def licence_of(source: DatasetSource) -> str:
    """What the files of a dataset state, such as `CC BY 4.0 (data.yaml)`; empty if none is found.

    Reads `licenses` in a COCO JSON, `license` in a data.yaml, also Roboflow's, a README and a LICENSE, beside the
    annotations and in the folders above them that belong to the dataset.
    """
    try:
        files = list(dict.fromkeys(_files(source)))
    except (UserError, OSError):  # the dataset may have been removed since it was read
        return ""
    stated: dict[str, list[str]] = {}
    for file in files:
        with suppress(UserError, yaml.YAMLError, RecursionError, *MALFORMED):
            for words in _read(file):
                stated.setdefault(words, []).append(file.name)
    return "; ".join(f"{words} ({', '.join(dict.fromkeys(names))})" for words, names in stated.items())


def _files(source: DatasetSource) -> Iterator[Path]:
    """The files that may state a licence: the annotations, then texts beside and above them."""
    annotations = find_annotations(source.path, source.format, source.split)
    for format, path in annotations:
        if format == "coco":
            yield path
        elif format == "yolo" and (file := find_data_yaml(path) if is_dir(path) else path):
            yield file
    for folder in _folders(source.path, [path for _, path in annotations]):
        texts = (file for file in files_in(folder, nested=False) if file.suffix.lower() in _TEXTS)
        yield from (file for file in texts if _README.match(file.name) or _LICENCE.fullmatch(file.stem))


def _folders(top: Path, annotations: list[Path]) -> Iterator[Path]:
    """The folders of annotations, and those above them up to the dataset's."""
    for path in annotations:
        folder = path if is_dir(path) else path.parent
        yield folder
        if folder.name.lower() == "annotations":
            yield folder.parent
        yield from (each for each in folder.parents if each == top or top in each.parents)


def _read(file: Path) -> list[str]:
    """What a file states. Raises UserError, a YAMLError or one of `MALFORMED` if it is damaged."""
    if file.suffix in (".yaml", ".yml"):
        content = load(file)
        roboflow = content.get("roboflow")
        return _names([content.get("license"), roboflow.get("license") if isinstance(roboflow, dict) else None])
    if file.suffix.lower() == ".json":
        return _of_coco(read_text(file, "a COCO JSON"))
    lines = [line.strip() for line in lines_of(beginning(file))]
    return _of_licence(lines) if _LICENCE.fullmatch(file.stem) else _of_readme(lines)


def _of_coco(text: str) -> list[str]:
    key = _COCO.search(text)
    listed, _ = json.JSONDecoder().raw_decode(text, key.end()) if key else ([], 0)
    names = _names([each.get("name") or each.get("url") for each in listed if isinstance(each, dict)])
    more = [f"{len(names) - _MOST} more"] if len(names) > _MOST else []
    return [", ".join([*names[:_MOST], *more])] if names else []


def _of_readme(lines: list[str]) -> list[str]:
    """A line such as `License: MIT`, the first line below a heading, or what a dataset card begins with."""
    if lines[0] == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        card, lines = yaml.safe_load("\n".join(lines[1 : min(end, _MOST_LINES)])), lines[end + 1 :]
        named = [card.get("license"), card.get("license_name")] if isinstance(card, dict) else []
        if found := _names([name for each in named for name in (each if isinstance(each, list) else [each])]):
            return found
    lines = [_LINK.sub(r"\1", _LINK.sub(r"\1", line)) for line in lines if line]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if match := _LINE.fullmatch(line):
            return _names([match[1].partition("|")[0]])
        if _HEADING.fullmatch(line) and not below.startswith("#"):
            return _names([below])
    return []


def _of_licence(lines: list[str]) -> list[str]:
    """The name that a licence begins with, with its version; `its own text` if it begins otherwise."""
    plain = [text for line in lines if (text := line.strip("#=*- ")) and not re.fullmatch("licen[sc]e", text.lower())]
    if not plain:
        return []
    if plain[0].lower().startswith("copyright"):
        return ["its own text"]
    version = [each for each in plain[1:2] if each.lower().startswith("version")]
    return _names([", ".join([plain[0], *version])])


def _names(values: list[Any]) -> list[str]:
    """Those that are names, each once, in one line and of limited length."""
    texts = (one_line(each).strip(" \"'*_`") for each in values if isinstance(each, str) and "\ufffd" not in each)
    named = dict.fromkeys(text for text in texts if text.lower() not in _NO_NAMES)
    return [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in named]
