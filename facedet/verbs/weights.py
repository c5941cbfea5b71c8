"""The commands that get weights: fetch, import."""

from pathlib import Path
from typing import Any

import click

from facedet.progress_bars import bar, byte_bar, tell
from facedet.verbs.options import FILE


@click.command()
@click.argument("name")
@click.option("-o", "--output", type=FILE, default=Path("published"), show_default=True, help="Folder for the files.")
@click.option("--mirror", metavar="URL", help="Address that stands in for the publisher's.")
def fetch(name: str, output: Path, mirror: str | None) -> None:
    """Download the published NAME: ir-fp32, ir-fp16, ir-int8 or snapshot. A broken download is gone on with."""
    from facedet.core.weights.fetch import fetch as download

    for path in download(name, output, mirror=mirror, progress=byte_bar, tell=tell):
        click.echo(path)


@click.command("import")
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The checkpoint to write, a .pth.")
@click.option("--calibrate", "calibrate_on", type=FILE, help="Folder of photographs that thaw an IR's batch norms.")
@click.option("--config", help="The network's config, if neither the released one nor named in the file.")
def import_(source: Path, output: Path, **options: Any) -> None:
    """Bring SOURCE back into training: the released snapshot (.pth), an IR (.xml) or an ONNX file."""
    from facedet.core.weights.importing import import_weights
    from facedet.tables.results import origin_lines

    origin = import_weights(source, output, progress=bar, **options)
    click.echo("\n".join([*origin_lines(origin), f"wrote {output}"]))
