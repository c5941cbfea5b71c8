"""Names of files and classes that every target and its tools can hold."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from facedet.data.names import distinct_names

_UNWRITABLE = ("Cc", "Cs", "Cn", "Zl", "Zp")  # Unicode categories: control, surrogate, no character, line ends


def writable(text: str) -> str:
    """The text with `_` for characters that lists or XML cannot hold, without spaces at its ends."""
    return "".join("_" if unicodedata.category(c) in _UNWRITABLE else c for c in text).strip()


def target_names(images: Iterable[Path], flat: bool) -> dict[Path, str]:
    """A name for each image: its file name, and its folders too if several images have that name.

    Names differ without suffix, as label files have another one, and on file systems that ignore case; if folders are
    not enough, a number makes them differ. flat: folders become a part of the file name.
    """
    taken: set[str] = set()
    between = "_" if flat else "/"
    distinct = distinct_names(images, lambda name: _key(_part(name)))
    return {image: _free(between.join(map(_part, name.parts)), taken) for image, name in distinct.items()}


def _part(part: str) -> str:
    """A folder or file name that leads nowhere else, and is not hidden."""
    name = writable(part.replace("\\", "_"))
    return f"_{name}" if not name or name.startswith(".") else name


def _key(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")).casefold()


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number if it is taken. Adds it to `taken`."""
    path, number = PurePosixPath(name), 1
    free = path
    while _key(str(free)) in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    taken.add(_key(str(free)))
    return str(free)
