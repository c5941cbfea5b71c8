"""The verbs `facedet data ...`: sets of annotated photographs, looked at, converted, divided."""

import sys
from pathlib import Path

import click

FILE = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Check, convert and split sets of annotated photographs."""
