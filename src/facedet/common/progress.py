"""Progress of long work: the caller passes a function that wraps a loop in a progress bar."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[Iterable, str], Iterable]  # an iterable and its description -> the iterable


def silent(items: Iterable, description: str) -> Iterable:
    """Show no progress bar."""
    return items


Position = Callable[[int], None]  # takes the number of bytes received so far
ByteProgress = Callable[[str, int], AbstractContextManager[Position]]  # name and size of a file -> its progress bar


@contextmanager
def silent_bytes(name: str, size: int) -> Iterator[Position]:
    """Show no progress bar."""
    yield lambda position: None
