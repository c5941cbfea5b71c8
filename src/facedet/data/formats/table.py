"""The annotation formats. Imports nothing heavy: help texts list their names.

A format is a module next to this one, with the format's name. Its `read` reads a dataset. It recognises a dataset by
`begins(head)` if that is a single file, from the beginning of the file, and by `is_folder(folder)` if not; then
`is_part(file)` recognises the annotation of one image.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Format:
    """A row of the table.

    single_file: whether a dataset is one file. suffixes: unrecognised files with these are read as this format, so that
    its reader says what is wrong. has_splits: whether its `read` takes a split.
    """

    name: str
    single_file: bool = True
    suffixes: tuple[str, ...] = ()
    has_splits: bool = False

    @property
    def module(self) -> Any:
        return import_module(f"facedet.data.formats.{self.name}")


TABLE = {
    each.name: each
    for each in (
        Format("coco", suffixes=(".json",)),
        Format("cvat"),
        Format("datumaro"),
        Format("labelme", single_file=False),
        Format("labelstudio"),
        Format("via"),
        Format("voc", single_file=False),
        Format("wider"),
        Format("yolo", single_file=False, suffixes=(".yaml", ".yml"), has_splits=True),
    )
}
FORMATS = tuple(TABLE)
NAMES = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
