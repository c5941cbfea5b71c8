"""The commands that get weights: fetch, import."""

from pathlib import Path
from typing import Any

import click

from facedet.commands.paths import FILE, NameOrInput, OutputFile, OutputFolder, verb
from facedet.progress_bars import bar, byte_bar, tell


@verb()
@click.argument("name")
@click.option(
    "-o", "--output", type=OutputFolder(), default=Path("published"), show_default=True, help="Folder for the files."
)
@click.option("--mirror", metavar="URL", help="Download from this address instead of the publisher's.")
def fetch(name: str, output: Path, mirror: str | None, overwrite: bool) -> None:
    """Download a published model.

    NAME is ir-fp32, ir-fp16, ir-int8 or snapshot. An interrupted download is resumed.
    """
    from facedet.weights.fetch import fetch as download

    for path in download(name, output, mirror=mirror, overwrite=overwrite, progress=byte_bar, tell=tell):
        click.echo(path)


@verb("import")
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=OutputFile(), required=True, help="Checkpoint to write (.pth).")
@click.option(
    "--calibrate",
    "calibrate_on",
    type=FILE,
    help="Images to measure new batch normalization statistics on (an IR has none).",
)
@click.option(
    "--calibrate-images",
    type=click.IntRange(1),
    help="Number of them to use; of more, every n-th by name.  [default: 32]",
)
@click.option(
    "--config",
    type=NameOrInput(),
    help="Config of the network.  [default: the one stored in the file, else the released one]",
)
def import_(source: Path, output: Path, calibrate_images: int | None, **options: Any) -> None:
    """Turn SOURCE into a trainable checkpoint.

    SOURCE is the released snapshot (.pth), an IR (.xml) or an ONNX file (.onnx); own exports with --no-fold only.
    """
    from facedet.text.model import origin_lines
    from facedet.weights.importing import CALIBRATION_IMAGES, import_weights

    count = calibrate_images or CALIBRATION_IMAGES
    origin = import_weights(source, output, calibrate_images=count, progress=bar, tell=tell, **options)
    click.echo("\n".join([*origin_lines(origin), f"wrote {output}"]))
