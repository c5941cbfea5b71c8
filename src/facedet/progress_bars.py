"""Progress bars for the terminal."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click

from facedet.common.errors import one_line
from facedet.common.progress import Position


def bar(items: Iterable, description: str) -> Iterable:
    """A `common.progress.Progress`."""
    from tqdm import tqdm

    return tqdm(items, desc=description, leave=False, disable=None)  # no bar if stderr is not a terminal


@contextmanager
def byte_bar(name: str, size: int | None) -> Iterator[Position]:
    """A `common.progress.ByteProgress`."""
    from tqdm import tqdm

    with tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as shown:

        def at(position: int) -> None:
            shown.update(position - shown.n)

        yield at


def tell(line: str) -> None:
    """Print a line to stderr without breaking the bar."""
    click.echo(f"facedet: {one_line(line)}", err=True)
