"""Names of files and classes that every target and its tools can hold."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from os.path import abspath, commonpath
from pathlib import Path, PurePosixPath

_UNWRITABLE = ("Cc", "Cs", "Cn", "Zl", "Zp")  # Unicode categories: control, surrogate, no character, line ends


def writable(text: str) -> str:
    """The text with `_` for characters that lists or XML cannot hold, without spaces at its ends."""
    return "".join("_" if unicodedata.category(c) in _UNWRITABLE else c for c in text).strip()


def target_names(images: Iterable[Path], flat: bool) -> dict[Path, str]:
    """A name for each image: its file name, and its folders too if several images have that name.

    Names differ without suffix, as label files have another one, and on file systems that ignore case; if folders are
    not enough, a number makes them differ. flat: folders become a part of the file name.
    """
    by_stem: dict[str, dict[Path, Path]] = defaultdict(dict)
    for image in images:
        whole = Path(abspath(image))  # resolves '..', which could lead out of the folder
        by_stem[_key(_part(whole.name))][image] = whole
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for same in by_stem.values():
        shared = commonpath([path.parent for path in same.values()])
        for image, path in same.items():
            parts = map(_part, path.relative_to(shared).parts)
            names[image] = _free(("_" if flat else "/").join(parts), taken)
    return names


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
