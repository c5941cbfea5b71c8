"""The command line: one verb, one function; what a verb needs is imported when it runs."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from data.errors import UserError
from facedet.bars import bar, byte_bar, tell
from facedet.data_cli import data
from facedet.evaluate_cli import compare, evaluate, reproduce
from facedet.options import FILE


class _Verbs(click.Group):
    """Ends what the user can mend in one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"facedet: {error}", err=True)
            sys.exit(2)
        except OSError as error:
            click.echo(f"facedet: {error.filename or 'output'}: {error.strerror or error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("\nfacedet: stopped", err=True)
            sys.exit(130)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="facedet")
def main() -> None:
    """The open, retrainable, provable face detector for OpenVINO."""


for _verb in (data, evaluate, compare, reproduce):
    main.add_command(_verb)


@main.command()
@click.argument("config")
@click.option("--train", "train_set", type=FILE, required=True, help="Set to train on: a file or folder of any form.")
@click.option("--val", "val_set", type=FILE, required=True, help="Set to validate on.")
@click.option("--images", type=FILE, help="Folder of the pictures of both sets, if not where their form puts them.")
@click.option("--format", "form", help="Form of both sets, if not to be told: coco, cvat, datumaro, voc, wider, yolo.")
@click.option("--train-list", type=FILE, help="Text file: the pictures of --train to use, one a line.")
@click.option("--val-list", type=FILE, help="Text file: the pictures of --val to use, one a line.")
@click.option("--weights", help="A checkpoint, torchvision:resnet152, its file, or random.  [default: the config's]")
@click.option("--allow-partial", is_flag=True, help="Of --weights, take what fits; the rest stays random.")
@click.option("--work-dir", type=FILE, help="Where results go.  [default: runs/CONFIG]")
@click.option("--epochs", type=click.IntRange(1), help="Stretch or shrink the config's schedule.")
@click.option("--batch-size", type=click.IntRange(1), help="Pictures in a step.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:N or auto.")
@click.option("--resume", is_flag=True, help="Go on from last.pth in the work dir.")
def train(
    config: str,
    train_set: Path,
    val_set: Path,
    images: Path | None,
    form: str | None,
    train_list: Path | None,
    val_list: Path | None,
    work_dir: Path | None,
    **options: Any,
) -> None:
    """Fine-tune CONFIG (tiny, finetune, face_detection_0206 or a file) on annotated photographs."""
    from data.faceset import Source
    from train import finetune

    folder = work_dir or Path("runs") / Path(config).stem
    summary = finetune(
        config,
        Source(train_set, images, train_list, form, None if train_list else "train"),
        Source(val_set, images, val_list, form, None if val_list else "val"),
        work_dir=folder,
        **options,
    )
    ap = summary.best.get("AP", 0.0)
    click.echo(f"best: AP {ap:.3f}, AP50 {summary.best.get('AP50', 0.0):.3f} at epoch {summary.best.get('epoch', 0)}")
    click.echo(f"wrote {summary.best_checkpoint}, {folder / 'summary.json'}, {folder / 'training-curve.png'}")
    if summary.left_out:
        click.echo(f"{len(summary.left_out)} pictures or boxes were left out; summary.json names them", err=True)


@main.command()
@click.argument("name")
@click.option("-o", "--output", type=FILE, default=Path("published"), show_default=True, help="Folder for the files.")
@click.option("--mirror", metavar="URL", help="Address that stands in for the publisher's.")
def fetch(name: str, output: Path, mirror: str | None) -> None:
    """Download the published NAME: ir-fp32, ir-fp16, ir-int8 or snapshot. A broken download is gone on with."""
    from weights.fetch import fetch as download

    for path in download(name, output, mirror=mirror, progress=byte_bar, tell=tell):
        click.echo(path)


@main.command("import")
@click.argument("source", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The checkpoint to write, a .pth.")
@click.option("--calibrate", "calibrate_on", type=FILE, help="Folder of photographs that thaw an IR's batch norms.")
@click.option("--config", help="The network's config, if neither the released one nor named in the file.")
def import_(source: Path, output: Path, **options: Any) -> None:
    """Bring SOURCE back into training: the released snapshot (.pth), an IR (.xml) or an ONNX file."""
    from facedet.table import origin_lines
    from weights.importing import import_weights

    origin = import_weights(source, output, progress=bar, **options)
    click.echo("\n".join([*origin_lines(origin), f"wrote {output}"]))


@main.command()
@click.argument("checkpoint", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="Folder for the files.")
@click.option("--formats", multiple=True, help="onnx, fp32, fp16; several may follow.  [default: all]")
@click.argument("more_formats", nargs=-1, metavar="")
def export(checkpoint: Path, output: Path, formats: tuple[str, ...], more_formats: tuple[str, ...]) -> None:
    """Write a CHECKPOINT as ONNX and OpenVINO IR, a drop-in for the published model."""
    from export.ship import FORMATS
    from export.ship import export as write

    for name, path in write(checkpoint, output, [*formats, *more_formats] or tuple(FORMATS), bar).items():
        click.echo(f"{name:5} {path}")


@main.command()
@click.argument("model", type=FILE)
@click.argument("images", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=FILE, required=True, help="Folder for the drawn PNGs and detections.json.")
@click.option("--threshold", type=float, help="Least score shown.  [default: 0.3]")
def detect(model: Path, images: tuple[Path, ...], output: Path, threshold: float | None) -> None:
    """Find faces in IMAGES (pictures, or folders of them) with MODEL (checkpoint, ONNX or IR)."""
    from export.detect import detect_pictures
    from export.interface import SHOW_ABOVE

    limit = SHOW_ABOVE if threshold is None else threshold
    found, left_out = detect_pictures(model, images, output, limit, bar)
    faces = sum(len(each.detections.scores) for each in found)
    click.echo(f"{faces} faces in {len(found)} pictures; wrote them to {output}")
    for line in left_out:
        click.echo(f"left out: {line}", err=True)


@main.command()
@click.argument("models", type=FILE, nargs=-1, required=True)
@click.option("--images", type=FILE, required=True, help="Folder of pictures to compare on.")
@click.option("--reference", type=FILE, help="The published IR: hold all MODELS to it, interface and NMS's input too.")
@click.option("--report", type=FILE, help="Folder for parity.json and parity.html.")
def parity(models: tuple[Path, ...], images: Path, reference: Path | None, report: Path | None) -> None:
    """Prove that MODELS compute the same as the first of them. Exit code 0 if all agree, 1 if not."""
    from export.parity import check_parity
    from export.report import write_report
    from facedet.table import parity_table

    result = check_parity(models, images, bar, reference)
    click.echo(parity_table(result))
    for line in result.left_out:
        click.echo(f"left out: {line}", err=True)
    if report:
        click.echo(f"wrote {write_report(result, report)}")
    sys.exit(0 if result.agree else 1)


@main.command()
@click.argument("target")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(target: str, as_json: bool) -> None:
    """Parameters and cost of TARGET (config, checkpoint, ONNX or IR), the published card's beside them."""
    from export.info import describe
    from facedet.table import info_table

    described = describe(target)
    click.echo(json.dumps(asdict(described), indent=2) if as_json else info_table(described))


@main.command()
@click.option("-o", "--output", type=FILE, default=Path("demo-out"), show_default=True, help="Folder for everything.")
@click.option("--epochs", type=click.IntRange(1), help="Shorter or longer training.  [default: fits five minutes]")
def demo(output: Path, epochs: int | None) -> None:
    """Draw synthetic faces, train the tiny detector on them, export it, prove the export and show what it finds."""
    from facedet.demo import run

    run(output, epochs, bar)
