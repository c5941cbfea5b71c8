"""What long work says: the caller passes a function that wraps a loop in a progress bar, and one that takes lines."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[Iterable, str], Iterable]  # an iterable and its description -> the iterable


def silent(items: Iterable, description: str) -> Iterable:
    """Show no progress bar."""
    return items


Tell = Callable[[str], None]  # takes a line that a person should read


def tell_nobody(line: str) -> None:
    """Let nobody read it."""


Position = Callable[[int], None]  # takes the number of bytes received so far
ByteProgress = Callable[[str, int | None], AbstractContextManager[Position]]  # name, size of a file -> its progress bar


@contextmanager
def silent_bytes(name: str, size: int | None) -> Iterator[Position]:
    """Show no progress bar."""
    yield lambda position: None
