"""Options shared by several commands."""

from collections.abc import Callable
from pathlib import Path

import click

FILE = click.Path(path_type=Path)


def dataset_options(verb: Callable) -> Callable:
    """The options that say how to read DATASET: --images, --list, --format."""
    for option in (
        click.option("--format", help="Format of the annotations.  [default: detected]"),
        click.option("--list", "names", type=FILE, help="Text file with the names of the images to use, one per line."),
        click.option("--images", type=FILE, help="Folder of the images, if not where the format expects them."),
    ):
        verb = option(verb)
    return verb
