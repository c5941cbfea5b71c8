"""The command `demo`."""

from pathlib import Path

import click

from facedet.progress_bars import bar
from facedet.verbs.options import FILE


@click.command()
@click.option("-o", "--output", type=FILE, default=Path("demo-out"), show_default=True, help="Folder for everything.")
@click.option("--epochs", type=click.IntRange(1), help="Shorter or longer training.  [default: fits five minutes]")
def demo(output: Path, epochs: int | None) -> None:
    """Draw synthetic faces, train the tiny detector on them, export it, prove the export and show what it finds."""
    from facedet.demo import run

    run(output, epochs, bar)
