"""The command `demo`."""

from pathlib import Path

import click

from facedet.commands.options import FILE
from facedet.progress_bars import bar


@click.command()
@click.option("-o", "--output", type=FILE, default=Path("demo-out"), show_default=True, help="Folder for all results.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of training.  [default: about two minutes on 2 cores]")
def demo(output: Path, epochs: int | None) -> None:
    """Run the whole workflow on drawn faces.

    Trains the tiny detector, exports it, checks parity and shows its detections.
    """
    from facedet.demo import run

    run(output, epochs, bar)
