"""The commands that export a checkpoint and check the result: export, parity."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facedet.commands.options import config_option, device_option, echo_left_out, list_option, refuse_idle_config
from facedet.commands.paths import DATASET, FILE, OutputFolder, verb
from facedet.common.errors import UserError
from facedet.export.targets import FORMATS, chosen_formats, file_names
from facedet.export.variants import Variant
from facedet.progress_bars import bar

if TYPE_CHECKING:
    from facedet.parity.check import Parity


def _names(options: dict[str, Any]) -> list[str]:
    variant = Variant(not options["no_nms"], options["layout"], options["input"], options["batch"])
    return file_names(chosen_formats(options["formats"] or None, variant), variant)


@verb()
@click.argument("checkpoint", type=FILE)
@click.option("-o", "--output", type=OutputFolder(_names), required=True, help="Folder for the exported files.")
@list_option("--formats", help=f"One or more of {', '.join(FORMATS)}.  [default: all, or both IRs]")
@click.option(
    "--no-fold",
    is_flag=True,
    help="Keep the graph of the published model, which `facedet import` can read, instead of combining linear layers.",
)
@click.option(
    "--no-nms", is_flag=True, help="For devices without NMS: boxes and scores of all anchors, and a postprocess.py."
)
@click.option(
    "--layout",
    default="published",
    help="published, or model-api: an IR that OpenVINO Model API opens; it takes a uint8 picture.",
)
@click.option("--input", default="f32", help="f32, or u8 for pictures of any size, boxes in their pixels (IR only).")
@click.option("--batch", type=int, default=1, help="Number of images that the files take at once.")
@click.option(
    "--threshold",
    type=float,
    help="Score above which detections are shown, stored in the files.  [default: that of CHECKPOINT, or 0.3]",
)
@config_option
def export(
    checkpoint: Path,
    output: Path,
    formats: list[str],
    no_fold: bool,
    no_nms: bool,
    layout: str,
    input: str,
    batch: int,
    threshold: float | None,
    config: str | None,
) -> None:
    """Export CHECKPOINT to ONNX and OpenVINO IR.

    With the configs finetune and face_detection_0206, the files are drop-in replacements for the published model,
    unless --no-nms, --layout, --input or --batch is given.
    """
    from facedet.export.export import export_model

    refuse_idle_config(config, checkpoint)
    written = export_model(
        checkpoint,
        output,
        formats or None,
        bar,
        fold=not no_fold,
        nms=not no_nms,
        layout=layout,
        input=input,
        batch=batch,
        threshold=threshold,
        config=config,
    )
    for name, path in written.items():
        click.echo(f"{name:5} {path}")


class ImageSize(click.ParamType):
    """Height and width in pixels: 480x640."""

    name = "HEIGHTxWIDTH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        height, _, width = value.partition("x")
        if not (height.isdecimal() and width.isdecimal()):
            self.fail(f"{value}: give height and width in pixels, such as 480x640", param, ctx)
        return int(height), int(width)


@verb()
@click.argument("models", type=FILE, nargs=-1, required=True)
@click.option("--images", type=FILE, required=True, help="Folder of images to compare on, or one image.")
@click.option(
    "--reference",
    type=FILE,
    help="Compare all MODELS with this file (usually the published IR), including interface and values before NMS.",
)
@click.option(
    "--size", type=ImageSize(), help="Height and width of the input, such as 480x640.  [default: the models']"
)
@click.option(
    "--report", type=OutputFolder(["parity.json", "parity.html"]), help="Folder for parity.json and parity.html."
)
@device_option
@click.option(
    "--annotations", type=DATASET, help="With --device: annotated dataset, to show the accuracy there and on the CPU."
)
@config_option
def parity(
    models: tuple[Path, ...],
    images: Path,
    reference: Path | None,
    size: tuple[int, int] | None,
    report: Path | None,
    device: str | None,
    annotations: Path | None,
    config: str | None,
) -> None:
    """Check that MODELS give the same detections.

    The reference is the first model, or the file of --reference. With --device, the models are computed there and
    compared with the reference on the CPU; one model is compared with itself. Exit code 0 if all agree, 1 if not.
    """
    refuse_idle_config(config, *models, reference)
    if annotations and (not device or size):
        raise UserError("--annotations: shows the accuracy on a device; give --device, and no --size")
    from facedet.parity.check import check_parity
    from facedet.parity.parity_report import write_parity
    from facedet.text.parity import parity_table

    if annotations:
        _check_annotations(annotations)
    result = check_parity(models, images, reference=reference, progress=bar, config=config, size=size, device=device)
    if annotations and device:
        result = _with_accuracy(result, annotations, config, device)
    click.echo(parity_table(result))
    echo_left_out(result.left_out)
    if report:
        click.echo(f"wrote {write_parity(result, report)}")
    sys.exit(0 if result.agree else 1)


def _check_annotations(path: Path) -> None:
    """Raise UserError for a dataset that cannot be used, before the models run."""
    from facedet.data.dataset import DatasetSource, read_dataset

    try:
        read_dataset(DatasetSource.of(path, "val"), bar)
    except UserError as error:
        advice = "for --annotations, give a dataset that `facedet evaluate` reads without further options"
        raise UserError(f"{error}; {advice}") from error


def _with_accuracy(parity: "Parity", annotations: Path, config: str | None, device: str) -> "Parity":
    """The check with the figures of each model on the device, and those of the reference on the CPU."""
    from facedet.data.dataset import DatasetSource
    from facedet.evaluation.compare import compare_models
    from facedet.parity.check import Accuracy

    first, *others = map(Path, parity.names)
    pairs = [(first, other) for other in others]
    source = DatasetSource(annotations)
    compared = [compare_models(pair, source, None, bar, config, device, first_on_cpu=True) for pair in pairs]
    accuracy = [
        Accuracy(each.second, p.rows(), p.verdict, p.note, p.as_dict()) for each in compared if (p := each.paired)
    ]
    measured, left_out = compared[0].about, [*parity.left_out, *compared[0].left_out]
    annotated = [replace(each, role="annotations") for each in measured.datasets] if measured else []
    about = replace(parity.about, datasets=[*parity.about.datasets, *annotated])
    return replace(parity, accuracy=accuracy, about=about, left_out=left_out)
