"""The command `train`."""

from pathlib import Path
from typing import Any

import click

from facedet.verbs.options import FILE


class BatchSize(click.ParamType):
    """A positive number, or `auto`."""

    name = "integer or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return value if value == "auto" else click.IntRange(1).convert(value, param, ctx)


@click.command()
@click.argument("config")
@click.option("--train", "train_set", type=FILE, required=True, help="Dataset to train on: a file or folder.")
@click.option("--val", "val_set", type=FILE, required=True, help="Dataset to validate on.")
@click.option("--images", type=FILE, help="Folder of the images, if not where the formats of the datasets expect them.")
@click.option("--format", help="Format of both datasets: coco, cvat, datumaro, voc, wider, yolo.  [default: detected]")
@click.option("--train-list", type=FILE, help="Text file with the names of the images of --train to use, one per line.")
@click.option("--val-list", type=FILE, help="Text file with the names of the images of --val to use, one per line.")
@click.option(
    "--weights",
    help="Start from: a checkpoint, torchvision:resnet152, a file of its weights, or random.  [default: from CONFIG]",
)
@click.option("--allow-partial", is_flag=True, help="Load only those --weights that fit; the rest stays random.")
@click.option("--work-dir", type=FILE, help="Folder for the results.  [default: runs/CONFIG]")
@click.option("--epochs", type=click.IntRange(1), help="Number of epochs; scales the schedule.  [default: from CONFIG]")
@click.option(
    "--batch-size", type=BatchSize(), help="Images per batch, or auto to fill the GPU.  [default: from CONFIG]"
)
@click.option("--accumulate", type=click.IntRange(1), help="Batches in one step of the optimizer.  [default: 1]")
@click.option("--seed", type=click.IntRange(0), help="Of initial weights, order and views.  [default: 0]")
@click.option("--patience", type=click.IntRange(1), help="Stop after this number of validations without a better AP.")
@click.option("--freeze", type=click.IntRange(0, 4), help="Do not train the stem and this number of backbone stages.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:N or auto.")
@click.option("--amp", default="auto", show_default=True, help="bfloat16: on, off, or auto where it is fast.")
@click.option("--cache", type=FILE, help="Folder that keeps decoded images: for large photographs.")
@click.option("--compile", is_flag=True, help="Use torch.compile: slower start, faster steps.")
@click.option("--checkpoint-gradients", is_flag=True, help="Less memory for a batch; steps take longer.")
@click.option("--save-every", type=float, default=5, show_default=True, help="Minutes between two checkpoints.")
@click.option("--launcher", help="What started the processes: torchrun, slurm, mpi.  [default: torchrun if it did]")
@click.option("--resume", is_flag=True, help="Continue the training run in the work dir from its last.pth.")
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
    """Fine-tune CONFIG on annotated images.

    CONFIG is tiny, finetune, face_detection_0206 or a file.

    Writes best.pth (weights with the highest validation AP: export this one), last.pth (for --resume), summary.json and
    training-curve.png into the work dir.
    """
    from facedet.core.data.dataset import DatasetSource
    from facedet.core.train import finetune

    folder = work_dir or Path("runs") / Path(config).stem
    summary = finetune(
        config,
        DatasetSource(train_set, images, train_list, format),
        DatasetSource(val_set, images, val_list, format),
        work_dir=folder,
        **options,
    )
    ap = summary.best.get("AP", 0.0)
    click.echo(f"best: AP {ap:.3f}, AP50 {summary.best.get('AP50', 0.0):.3f} at epoch {summary.best.get('epoch', 0)}")
    click.echo(f"wrote {summary.best_checkpoint}, {folder / 'summary.json'}, {folder / 'training-curve.png'}")
    if summary.left_out:
        click.echo(f"{len(summary.left_out)} images or boxes were left out; summary.json lists them", err=True)
