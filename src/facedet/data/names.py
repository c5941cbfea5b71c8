"""File names as keys: never the last part alone, but the longest end of a path that two have in common."""

from collections.abc import Sequence
from pathlib import PurePath, PurePosixPath


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a path that a file contains, with / or \\ between them, without a leading / or drive."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in ("/", ".") and not part.endswith(":"))


def common_end(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts two paths have in common, counted from the end."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def nearest(path: PurePath, names: Sequence[str]) -> list[int]:
    """The indices of the names with the longest end in common with a path; more than one is a tie."""
    ends = [common_end(path.parts, parts_of(name)) for name in names]
    longest = max(ends, default=0)
    return [k for k, end in enumerate(ends) if end == longest > 0]
