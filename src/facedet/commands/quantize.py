"""The command that makes an INT8 file: quantize."""

from pathlib import Path

import click

from facedet.commands.options import (
    config_option,
    device_option,
    echo_left_out,
    format_option,
    reading_options,
    refuse_idle_config,
)
from facedet.commands.paths import DATASET, FILE, OutputFolder, verb
from facedet.common.errors import UserError
from facedet.export.targets import TARGETS, file_names
from facedet.progress_bars import bar


@verb()
@click.argument("model", type=FILE)
@click.option("--calibrate", type=DATASET, required=True, help="Dataset or folder of images to calibrate on.")
@click.option("--calibrate-list", type=FILE, help="Text file with the names of the images to use, one per line.")
@click.option("--val", type=DATASET, help="Dataset to measure accuracy on. INT8 must be as accurate as float32 there.")
@click.option("--val-list", type=FILE, help="The same for --val.")
@click.option(
    "--images",
    type=DATASET,
    help="Folder of the images of both datasets, if not where the format expects them.",
)
@format_option("both datasets")
@reading_options
@click.option("--max-drop", type=float, help="Largest allowed drop of AP, 0..1.  [default: 0.005]")
@click.option(
    "-o",
    "--output",
    type=OutputFolder(file_names(["int8"])),
    required=True,
    help=f"Folder for {TARGETS['int8']} and its .bin.",
)
@click.option(
    "--report",
    type=OutputFolder(["quantization.json", "quantization.html"]),
    help="Folder for quantization.html and its JSON.",
)
@device_option
@config_option
def quantize(
    model: Path,
    calibrate: Path,
    calibrate_list: Path | None,
    val: Path | None,
    val_list: Path | None,
    images: Path | None,
    format: str | None,
    classes: tuple[str, ...],
    allow_losses: bool,
    max_drop: float | None,
    output: Path,
    report: Path | None,
    device: str | None,
    config: str | None,
) -> None:
    """Quantize MODEL to INT8.

    MODEL is a checkpoint or an FP32 IR. With --val, harmful layers stay in float; a result that loses more than
    --max-drop of AP, or one face more than that by face height, is refused with exit code 2.
    """
    from facedet.data.dataset import DatasetSource
    from facedet.evaluation.compare_report import write_quantization
    from facedet.evaluation.gated_quantization import MAX_DROP, quantize_model
    from facedet.text.quantization import quantization_table

    refuse_idle_config(config, model)
    if not val and (val_list or max_drop is not None):
        raise UserError("--val-list and --max-drop are for --val; give it too")
    done = quantize_model(
        model,
        DatasetSource(calibrate, images, calibrate_list, format, allow_losses=allow_losses),
        output,
        val=DatasetSource(val, images, val_list, format, classes=classes, allow_losses=allow_losses) if val else None,
        max_drop=MAX_DROP if max_drop is None else max_drop,
        progress=bar,
        config=config,
        device=device,
    )
    click.echo(quantization_table(done))
    echo_left_out(done.left_out)
    if report:
        click.echo(f"wrote {write_quantization(done, report)}")
    if done.reasons:
        raise UserError(f"{model}: INT8 loses too much accuracy, nothing was written: {'; '.join(done.reasons)}")
    click.echo(f"int8  {done.path}")
