"""The class names of a YOLO dataset, from its data.yaml or from the lists that tools write beside label files."""

from pathlib import Path
from typing import Any

from facedet.common.errors import UserError
from facedet.data.formats.parsing import lines_of, read_text
from facedet.data.names import parts_of
from facedet.data.storage import files_in, is_file

_LISTS = (".names", ".txt")
_CERTAIN = ("classes.txt", "obj.names")
_MAKESENSE = "labels.txt"


def names_in_yaml(names: Any, file: Path) -> dict[int, str]:
    """The names of the classes by their number, from `names` of a data.yaml: a list, a mapping, or one text."""
    if isinstance(names, str):
        return _list_at(names, file.parent) if names.endswith(_LISTS) else {0: names}
    pairs = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [])
    return {int(key): str(name) for key, name in pairs if str(key).isdecimal()}


def names_in_folders(folder: Path, images: Path) -> dict[int, str]:
    """The names of the classes by their number, from the first list found: in the folder of a dataset, of its labels,
    of its images, or above. Empty without one, or where several differ.
    """
    for parent in dict.fromkeys((folder, folder / "labels", images, folder.parent)):
        files = files_in(parent, nested=False)
        found = [_list(file) for file in files if file.name in _CERTAIN]
        if not found and parent != folder.parent:
            found = [_list_at(name, parent) for file in files if file.suffix == ".data" for name in _stated(file)]
            others = (file for file in files if file.suffix == ".names" or file.name == _MAKESENSE)
            found = [each for each in found if each] or [_list(file) for file in others]
        if found:
            return found[0] if all(each == found[0] for each in found) else {}
    return {}


def _stated(file: Path) -> list[str]:
    """The lists of names that a *.data of Darknet states: `names = data/face.names`. Other files may be called so."""
    try:
        lines = lines_of(read_text(file, "a *.data of Darknet"))
    except UserError:
        return []
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return [value.strip() for key, value in pairs if key.strip() == "names"]


def _list_at(name: str, folder: Path) -> dict[int, str]:
    """The list that a file names, at its path or next to that file; empty if it is not there."""
    files = (folder.joinpath(*parts) for parts in (parts_of(name), parts_of(name)[-1:]))
    return next((_list(file) for file in files if is_file(file)), {})


def _list(file: Path) -> dict[int, str]:
    return dict(enumerate(line.strip() for line in lines_of(read_text(file, "a list of classes").rstrip())))
