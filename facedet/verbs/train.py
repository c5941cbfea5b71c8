"""The command `train`."""

from pathlib import Path
from typing import Any

import click

from facedet.verbs.options import FILE


@click.command()
@click.argument("config")
@click.option("--train", "train_set", type=FILE, required=True, help="Set to train on: a file or folder of any format.")
@click.option("--val", "val_set", type=FILE, required=True, help="Set to validate on.")
@click.option("--images", type=FILE, help="Folder of the pictures of both sets, if not where their format puts them.")
@click.option("--format", help="Form of both sets, if not to be told: coco, cvat, datumaro, voc, wider, yolo.")
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
    format: str | None,
    train_list: Path | None,
    val_list: Path | None,
    work_dir: Path | None,
    **options: Any,
) -> None:
    """Fine-tune CONFIG (tiny, finetune, face_detection_0206 or a file) on annotated photographs."""
    from facedet.core.data.dataset import DatasetSource
    from facedet.core.train import finetune

    folder = work_dir or Path("runs") / Path(config).stem
    summary = finetune(
        config,
        DatasetSource(train_set, images, train_list, format, None if train_list else "train"),
        DatasetSource(val_set, images, val_list, format, None if val_list else "val"),
        work_dir=folder,
        **options,
    )
    ap = summary.best.get("AP", 0.0)
    click.echo(f"best: AP {ap:.3f}, AP50 {summary.best.get('AP50', 0.0):.3f} at epoch {summary.best.get('epoch', 0)}")
    click.echo(f"wrote {summary.best_checkpoint}, {folder / 'summary.json'}, {folder / 'training-curve.png'}")
    if summary.left_out:
        click.echo(f"{len(summary.left_out)} pictures or boxes were left out; summary.json names them", err=True)
