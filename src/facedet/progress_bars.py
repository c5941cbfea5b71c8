"""Progress in a terminal: bars. Elsewhere, such as in a log file: a line now and then."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager

import click

from facedet.common.errors import one_line
from facedet.common.progress import Position, duration

FIRST, EVERY = 5.0, 30.0  # seconds until the first line, and between two lines


def bar(items: Iterable, description: str) -> Iterable:
    """A `common.progress.Progress`."""
    if not sys.stderr.isatty():
        return lines(items, description)
    from tqdm import tqdm

    return tqdm(items, desc=description, leave=False)


def lines(items: Iterable, description: str, first: float = FIRST, every: float = EVERY) -> Iterator:
    """The items; tells how far they are, see `_telling`."""
    total = len(items) if isinstance(items, Sized) else None
    done, started = 0, time.monotonic()
    with _telling(lambda: f"{description}: {state(done, total, time.monotonic() - started)}", first, every):
        for item in items:
            yield item
            done += 1


@contextmanager
def _telling(line: Callable[[], str], first: float, every: float) -> Iterator[None]:
    """Print a line after `first` seconds and then every `every` seconds, also while the block computes."""
    ended = threading.Event()

    def report() -> None:
        pause = first
        while not ended.wait(pause):
            tell(line())
            pause = every

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def state(done: int, total: int | None, seconds: float) -> str:
    """How much is done after this time, and how long the rest takes, if that is known."""
    if total == 1 or (total is None and not done):
        return f"{duration(seconds)} so far"
    left = f", {duration(seconds / done * (total - done))} left" if total and done else ""
    return f"{done} of {total}{left}" if total else f"{done}, {duration(seconds)} so far"


@contextmanager
def byte_bar(name: str, size: int | None) -> Iterator[Position]:
    """A `common.progress.ByteProgress`."""
    if not sys.stderr.isatty():
        received = 0

        def note(position: int) -> None:
            nonlocal received
            received = position

        of = f" of {size / 1e6:.1f}" if size else ""
        with _telling(lambda: f"{name}: {received / 1e6:.1f}{of} MB", FIRST, EVERY):
            yield note
        return
    from tqdm import tqdm

    with tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False) as shown:

        def at(position: int) -> None:
            shown.update(position - shown.n)

        yield at


def tell(line: str) -> None:
    """Print a line to stderr without breaking the bar."""
    click.echo(f"facedet: {one_line(line)}", err=True)
