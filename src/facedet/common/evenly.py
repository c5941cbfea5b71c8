"""Choose some of many items."""

from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


def evenly(items: Sequence[_T], most: int) -> list[_T]:
    """All items, or `most` of them at equal distances."""
    count = min(len(items), most)
    return [items[k * len(items) // count] for k in range(count)]
