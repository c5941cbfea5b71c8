"""The commands that use a model: detect, info, card, and the demo of the whole workflow."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from facedet.commands.options import config_option, device_option, echo_left_out, refuse_idle_config
from facedet.commands.paths import FILE, NameOrInput, NewFolder, OutputFile, OutputFolder, verb
from facedet.progress_bars import bar


@verb()
@click.option(
    "-o", "--output", type=NewFolder(), default=Path("demo-out"), show_default=True, help="Folder for all results."
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of training.  [default: about two minutes on 2 cores]")
def demo(output: Path, epochs: int | None) -> None:
    """Run the whole workflow on drawn faces.

    Trains the tiny detector, exports it, checks parity and shows its detections.
    """
    from facedet.demo import run

    run(output, epochs, bar)


def _names(options: dict[str, Any]) -> list[str]:
    from facedet.inference.detect import output_names

    return output_names(options["images"], options["output"])


@verb()
@click.argument("model", type=FILE)
@click.argument("images", type=FILE, nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=OutputFolder(_names),
    required=True,
    help="Folder for the images with boxes drawn, and detections.json.",
)
@click.option("--threshold", type=float, help="Lowest score to show.  [default: the model's own, or 0.3]")
@click.option("--ids", type=FILE, help="COCO JSON of these images: detections.json gets its image ids.")
@device_option
@config_option
def detect(
    model: Path,
    images: tuple[Path, ...],
    output: Path,
    threshold: float | None,
    ids: Path | None,
    device: str | None,
    config: str | None,
) -> None:
    """Detect faces in IMAGES (files or folders) with MODEL.

    MODEL is a checkpoint, an ONNX file or an IR.
    """
    from facedet.inference.detect import detect_images

    refuse_idle_config(config, model)
    found, left_out = detect_images(model, images, output, threshold, bar, ids, config, device, click.echo)
    faces = sum(len(each.detections.scores) for each in found)
    click.echo(f"{faces} faces in {len(found)} images; wrote {output}")
    echo_left_out(left_out)


@verb()
@click.argument("target", type=NameOrInput())
@click.option("--json", "wants_json", is_flag=True, help="Print JSON.")
@config_option
def info(target: str, wants_json: bool, config: str | None) -> None:
    """Show size, cost, interface and origin of TARGET.

    TARGET is a config, a checkpoint, an ONNX file or an IR. The published card's figures are shown next to its own.
    """
    from facedet.common.files import as_json
    from facedet.inference.info import describe
    from facedet.text.model import info_table

    refuse_idle_config(config, target)
    described = describe(target, config)
    click.echo(as_json(asdict(described)).rstrip() if wants_json else info_table(described))


@verb()
@click.argument("model", type=FILE)
@click.option("--evaluation", type=FILE, help="JSON of `evaluate` of MODEL.")
@click.option("--parity", type=FILE, help="JSON of `parity` of MODEL and others.")
@click.option("--quantization", type=FILE, help="JSON of `quantize` of MODEL, or of the run that wrote it.")
@click.option("--training", type=FILE, help="summary.json of the training of MODEL or of its checkpoint.")
@click.option("-o", "--output", type=OutputFile(), required=True, help="The card, as Markdown (.md) or a page (.html).")
@config_option
def card(
    model: Path,
    evaluation: Path | None,
    parity: Path | None,
    quantization: Path | None,
    training: Path | None,
    output: Path,
    config: str | None,
) -> None:
    """Write a card of MODEL: what it is, where it comes from, how good it is, how to reproduce it.

    MODEL is a checkpoint, an ONNX file or an IR. Reports about another file are refused, by their SHA-256.
    """
    from facedet.card.model_card import write_card

    refuse_idle_config(config, model)
    reports = {"evaluation": evaluation, "parity": parity, "quantization": quantization, "training": training}
    write_card(model, output, reports, config)
    click.echo(f"wrote {output}")
