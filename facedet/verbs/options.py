"""Options that several verbs have."""

from collections.abc import Callable
from pathlib import Path

import click

FILE = click.Path(path_type=Path)


def dataset_options(verb: Callable) -> Callable:
    """How a SET that is measured on may be told: images, names, format."""
    for option in (
        click.option("--format", help="The set's format, where it is not to be recognised."),
        click.option("--list", "names", type=FILE, help="Text file: the pictures of SET to use, one a line."),
        click.option("--images", type=FILE, help="Folder of the pictures, if not where the set's format puts them."),
    ):
        verb = option(verb)
    return verb
