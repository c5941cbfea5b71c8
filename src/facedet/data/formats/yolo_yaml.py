"""The data.yaml of a YOLO dataset: which images its splits are."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from facedet.common.errors import UserError, first_line
from facedet.data.formats.locate import Ambiguous, locate
from facedet.data.formats.parsing import MALFORMED, beginning, lines_of, read_text
from facedet.data.formats.yolo_parts import Parts
from facedet.data.image import is_image_name, is_unread_name
from facedet.data.losses import Loss, Lost
from facedet.data.names import parts_of
from facedet.data.storage import exists, files_in, is_dir, is_file

SPLITS = ("train", "val", "test")  # keys of data.yaml
_SPLIT_KEY = re.compile(rf"""^[{{"'\ufeff]*(?:{"|".join(SPLITS)})["']?\s*:""", re.MULTILINE)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without the fast one
_LARGEST, _DEEPEST = 1 << 20, 50  # characters, levels


def find_data_yaml(folder: Path) -> Path | None:
    """The data.yaml of a folder, under any file name, or None. Raises UserError if there are several."""
    files = [file for file in yaml_in(folder) if is_data_yaml(file)]
    if len(files) > 1:
        raise UserError(f"{folder}: contains {files[0].name} and {files[1].name}; give one of them")
    return files[0] if files else None


def yaml_in(folder: Path) -> list[Path]:
    """The YAML files of a folder."""
    return [file for file in files_in(folder, nested=False) if file.suffix in (".yaml", ".yml")]


def is_data_yaml(file: Path) -> bool:
    """Whether a file is YAML and lists at least one split. Raises UserError for one that does, but cannot be read."""
    try:
        return _lists_a_split(_read(file))
    except UserError:
        if _SPLIT_KEY.search(beginning(file)):
            raise
        return False


def lists_train_and_val(path: Path) -> bool:
    """Whether a data.yaml, or the one in a folder, lists both a training and a validation split."""
    file = path if path.suffix in (".yaml", ".yml") else find_data_yaml(path) if is_dir(path) else None
    return file is not None and is_file(file) and is_data_yaml(file) and {"train", "val"} <= load(file).keys()


def load(file: Path) -> dict[str, Any]:
    """The content of a data.yaml. Raises UserError."""
    content = _read(file)
    if not _lists_a_split(content):
        raise UserError(f"{file}: not a YOLO data.yaml (it has none of the keys {', '.join(SPLITS)})")
    return content


def _lists_a_split(content: Any) -> bool:
    return isinstance(content, dict) and any(content.get(key) for key in SPLITS)


def _read(file: Path) -> Any:
    """The content of a YAML. Raises UserError."""
    text = read_text(file, "a YOLO data.yaml")
    try:
        return _parse(text)
    except (yaml.YAMLError, *MALFORMED) as error:  # its values may raise any of these
        raise UserError(f"{file}: not a YOLO data.yaml ({first_line(error)})") from error


def _parse(text: str) -> Any:
    """The content of a YAML. Raises YAMLError also for one that takes long, grows large, or says a thing twice."""
    if len(text) > _LARGEST:
        raise yaml.YAMLError(f"it has more than {_LARGEST >> 20} MB")
    depth = 0
    for event in yaml.parse(text, _LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"it is nested more than {_DEEPEST} deep")
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"it has the alias *{event.anchor}; write its value in its place")
    _refuse_doubt(yaml.compose(text, _LOADER))
    return yaml.load(text, _LOADER)


def _refuse_doubt(node: yaml.Node | None) -> None:
    """Raise an error of PyYAML if a mapping has a key twice: which value is meant is unknown."""
    if isinstance(node, yaml.MappingNode):
        counts = Counter(str(key.value) for key, _ in node.value)
        if twice := [key for key, count in counts.items() if count > 1]:
            raise yaml.YAMLError(f"it has {twice[0]!r:.60} twice")
        for _, value in node.value:
            _refuse_doubt(value)


def points_in_yaml(file: Path, content: dict[str, Any]) -> list[int] | None:
    """`kpt_shape`: the number of points of a face and of their coordinates. Raises UserError."""
    shape = content.get("kpt_shape")
    if shape is None or (isinstance(shape, list) and len(shape) == 2 and all(isinstance(n, int) for n in shape)):
        return shape
    raise UserError(f"{file}: kpt_shape is {shape!r}, not two numbers such as [5, 2]")


def parts_in_yaml(
    file: Path, content: dict[str, Any], images: Path | None, split: str | None, losses: list[Loss]
) -> Parts:
    """The images of a split, or of all splits. Raises UserError if data.yaml does not have the split."""
    if split and not content.get(split):
        raise UserError(f"{file}: has no '{split}'; add it, or give a separate dataset")
    entries = [(key, entry) for key in SPLITS for entry in _entries(content.get(key))]
    stated = file.parent / str(content.get("path") or "")
    root = images or (stated if is_dir(stated) else file.parent)
    parts: Parts = {}
    for key, entry in entries:
        if split not in (None, key):
            continue
        moved = not is_dir(stated) or "\\" in entry or entry.startswith("/") or entry[1:2] == ":"
        others = [parts_of(other) for _, other in entries if other != entry]
        found = _at(entry, root) or (_at_an_end(entry, [root, file.parent], others) if moved else None)
        missing = f"{key}: no such file or folder: {root / entry}"
        if found:
            listed = list(images_in(found)) if is_dir(found) else _images_in_list(found, root, losses)
            parts.setdefault(found, (key, listed))
        elif key != "test" or split:  # nobody knows how many images that loses
            advice = " (a path of another machine? write it relative to this file)" if moved else ""
            raise UserError(f"{file}: {missing}; correct it or take it out{advice}")
        else:
            losses.append(Loss(Lost.REMARK, file, missing))
    return parts


def images_in(folder: Path) -> Iterator[Path]:
    """The images of a folder, also those that cannot be read."""
    return (path for path in files_in(folder) if is_image_name(path) or is_unread_name(path))


def _entries(value: Any) -> list[str]:
    return [str(entry) for entry in (value if isinstance(value, list) else [value] if value else [])]


def _at(entry: str, root: Path) -> Path | None:
    """The file or folder of a split; some tools write ../train for a folder next to the data.yaml."""
    return next((path for path in (root / entry, root / entry.removeprefix("../")) if exists(path)), None)


def _at_an_end(entry: str, roots: Sequence[Path], others: Sequence[tuple[str, ...]]) -> Path | None:
    """The file or folder at the longest end of a path of another machine, unless one of `others` has that end too."""
    parts = parts_of(entry)
    ends = (parts[k:] for k in range(len(parts)) if ".." not in parts[k:])
    own = (end for end in ends if not any(other[-len(end) :] == end for other in others))
    return next((path for end in own for root in roots if exists(path := root.joinpath(*end))), None)


def _images_in_list(file: Path, root: Path, losses: list[Loss]) -> list[Path]:
    """The images in a text file, one per line: also absolute paths of another machine, by their longest end.

    Adds each line that names no image to `losses`. Raises UserError.
    """
    folders = [file.parent, root] if file.parent != root else [root]
    images: list[Path] = []
    for line in filter(None, map(str.strip, lines_of(read_text(file, "a list of images")))):
        try:
            images.append(locate(line, folders))
        except Ambiguous as error:
            raise UserError(f"{file}: {error}") from error
        except ValueError as error:
            losses.append(Loss(Lost.NAME, file, f"{line}: {error}"))
    return list(dict.fromkeys(images))
