"""How long work shows how far it is: the caller brings a bar, the work wraps its loop in it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[Iterable, str], Iterable]  # an iterable and its description -> the iterable


def silent(items: Iterable, description: str) -> Iterable:
    """No bar."""
    return items


Position = Callable[[int], None]  # told how many bytes are there by now
ByteProgress = Callable[[str, int], AbstractContextManager[Position]]  # a file's name and size -> its bar


@contextmanager
def silent_bytes(name: str, size: int) -> Iterator[Position]:
    """No bar."""
    yield lambda position: None
