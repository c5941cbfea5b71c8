"""What long work says: the caller passes a function that wraps a loop in a progress bar, and one that takes lines."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[Iterable, str], Iterable]  # an iterable and its description -> the iterable


def silent(items: Iterable, description: str) -> Iterable:
    """Show no progress bar."""
    return items


@contextmanager
def step(progress: Progress, description: str) -> Iterator[None]:
    """Show that one long piece of work, the block, is going on."""
    shown = iter(progress([None], description))
    next(shown)
    try:
        yield
    finally:
        next(shown, None)


def duration(seconds: float) -> str:
    """A time in whole seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


Tell = Callable[[str], None]  # takes a line that a person should read


def tell_nobody(line: str) -> None:
    """Let nobody read it."""


Position = Callable[[int], None]  # takes the number of bytes received so far
ByteProgress = Callable[[str, int | None], AbstractContextManager[Position]]  # name, size of a file -> its progress bar


@contextmanager
def silent_bytes(name: str, size: int | None) -> Iterator[Position]:
    """Show no progress bar."""
    yield lambda position: None
