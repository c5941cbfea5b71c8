"""File names as keys: never the last part alone, but the longest end of a path that two have in common."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from os.path import abspath, commonpath
from pathlib import Path, PurePosixPath


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a path that a file contains, with / or \\ between them, without a leading / or drive."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in ("/", ".") and not part.endswith(":"))


def common_end(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts two paths have in common, counted from the end."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def nearest(name: str, paths: Sequence[Path]) -> list[int]:
    """The indices of the absolute paths that have the longest end in common with a name; more than one is a tie.

    The name may have no suffix. All of it must fit, or more than the file name: it may begin on another machine.
    """
    *folders, file = parts_of(name) or ("",)
    ends = [1 + common_end(p.parent.parts, folders) if file in (p.name, p.stem) else 0 for p in paths]
    longest = max(ends, default=0)
    return [k for k, end in enumerate(ends) if end == longest] if longest > min(1, len(folders)) else []


def distinct_names(paths: Iterable[Path], key: Callable[[str], str] = str.casefold) -> dict[Path, Path]:
    """A name for each path: that of the file, with the folders by which it differs from others with this file name.

    key: what is equal for file names that count as one; by default, they do on file systems that ignore case.
    """
    by_name: dict[str, dict[Path, Path]] = defaultdict(dict)
    for path in paths:
        whole = Path(abspath(path))  # resolves '..', which a name must not have
        by_name[key(whole.name)][path] = whole
    names: dict[Path, Path] = {}
    for same_name in by_name.values():
        shared = commonpath([path.parent for path in same_name.values()])
        names |= {path: absolute.relative_to(shared) for path, absolute in same_name.items()}
    return names
