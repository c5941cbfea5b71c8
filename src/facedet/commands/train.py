"""The command `train`."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from facedet.commands.options import format_option, list_option, reading_options
from facedet.commands.paths import FILE, Input, NameOrInput, OutputFolder, verb
from facedet.train.files import WRITTEN


class BatchSize(click.ParamType):
    """A positive number, or `auto`."""

    name = "integer or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        return value if value == "auto" else click.IntRange(1).convert(value, param, ctx)


class WeightedSet(Input):
    """A dataset's path and weight: PATH or PATH=WEIGHT."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path, _, weight = value.rpartition("=")
        if not path or Path(value).exists():
            return Path(value), 1.0
        return Path(path), click.FLOAT.convert(weight, param, ctx)

    def read(self, value: Any) -> list[Path]:
        return [value[0]]


class ValidationSet(Input):
    """A dataset's path, or a share between 0 and 1."""

    name = "path or share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            share = float(value)
        except ValueError:
            return Path(value)
        return share if 0 < share < 1 and not Path(value).exists() else Path(value)

    def read(self, value: Any) -> list[Path]:
        return [value] if isinstance(value, Path) else []


def _names(options: dict[str, Any]) -> Sequence[str]:
    return () if options["dry_run"] else WRITTEN


def _default_work_dir(context: click.Context, parameter: click.Parameter, given: Path | None) -> Path:
    return given or Path("runs") / Path(context.params["config"] or "continue").stem


@verb()
@click.argument("config", type=NameOrInput(), required=False)
@click.option(
    "--train",
    "train_sets",
    type=WeightedSet(),
    multiple=True,
    required=True,
    help="Dataset to train on: a file or folder. Repeat it to train on several; PATH=2 uses a set twice in an epoch.",
)
@click.option(
    "--val",
    "val_set",
    type=ValidationSet(),
    help="Dataset to validate on, or the share of --train's images to hold out.  [default: the dataset's own, or 0.2]",
)
@click.option(
    "--images", type=FILE, help="Folder of the images of all datasets, if not where their formats expect them."
)
@click.option("--train-images", type=FILE, multiple=True, help="Folder of the images of --train; one for each --train.")
@click.option("--val-images", type=FILE, help="Folder of the images of --val.")
@format_option("all datasets")
@reading_options
@click.option(
    "--train-list",
    "train_lists",
    type=FILE,
    multiple=True,
    help="Text file with the names of the images of --train to use, one per line; one file for each --train.",
)
@click.option("--val-list", type=FILE, help="Text file with the names of the images of --val to use, one per line.")
@click.option(
    "--recipe", help="continue: train the checkpoint --weights a little further on few new images, without CONFIG."
)
@click.option(
    "--weights",
    type=NameOrInput(),
    help="Start from: a checkpoint, torchvision:NAME, a file of its weights, or random.  [default: from CONFIG]",
)
@click.option("--allow-partial", is_flag=True, help="Load only those --weights that fit; the rest stays random.")
@click.option(
    "--work-dir",
    type=OutputFolder(_names),
    callback=_default_work_dir,
    help="Folder for the results.  [default: runs/CONFIG]",
)
@click.option("--epochs", type=click.IntRange(1), help="Number of epochs; scales the schedule.  [default: from CONFIG]")
@click.option(
    "--batch-size", type=BatchSize(), help="Images per batch, or auto to fill the GPU.  [default: from CONFIG]"
)
@click.option("--accumulate", type=click.IntRange(1), help="Batches in one step of the optimizer.  [default: 1]")
@click.option(
    "--workers", type=click.IntRange(0), help="Processes that read images.  [default: from CONFIG; more on a GPU]"
)
@click.option("--seed", type=click.IntRange(0), help="Random seed of initial weights, order and views.  [default: 0]")
@click.option("--patience", type=click.IntRange(1), help="Stop after this number of validations without a better AP.")
@click.option("--freeze", type=click.IntRange(0), help="Do not train the stem and this number of backbone stages.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:N or auto.")
@click.option("--amp", default="auto", show_default=True, help="bfloat16: on, off, or auto where it is fast.")
@click.option("--cache", type=OutputFolder(), help="Folder for a cache of decoded images: for large photographs.")
@click.option(
    "--cache-size",
    type=click.FloatRange(0, min_open=True),
    metavar="GB",
    help="Largest size of the cache.  [default: half of the free space]",
)
@click.option("--compile", is_flag=True, help="Use torch.compile: a slower start; steps may be faster.")
@click.option("--checkpoint-gradients", is_flag=True, help="Use less memory for a batch; steps take longer.")
@click.option("--save-every", type=float, default=5, show_default=True, help="Minutes between two checkpoints.")
@list_option("--logger", "loggers", help="Also log to wandb, mlflow or both.")
@click.option("--launcher", help="What started the processes: torchrun (detected), slurm or mpi.")
@click.option("--sync-bn", is_flag=True, help="Let batch normalization use the images of all processes.  [GPUs only]")
@click.option("--resume", is_flag=True, help="Continue the training run in the work dir from its last.pth.")
@click.option("--allow-changed-data", is_flag=True, help="Resume although the images or their boxes have changed.")
@click.option("--dry-run", is_flag=True, help="Try the first steps; estimate time and memory; write nothing.")
def train(
    config: str | None,
    train_sets: tuple[tuple[Path, float], ...],
    val_set: Path | float | None,
    images: Path | None,
    train_images: tuple[Path, ...],
    val_images: Path | None,
    format: str | None,
    classes: tuple[str, ...],
    allow_losses: bool,
    train_lists: tuple[Path, ...],
    val_list: Path | None,
    dry_run: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Fine-tune CONFIG on annotated images.

    CONFIG is small, finetune, tiny, face_detection_0206 or a file.

    Writes best.pth (weights with the highest validation AP: export this one), last.pth (for --resume) and training.html
    (a report) into the work dir, with the numbers and pictures of the report.
    """
    from facedet.data.dataset import DatasetSource
    from facedet.text.training import dry_run_text, summary_text
    from facedet.train.options import TrainingOptions
    from facedet.train.preflight import preflight

    for option, given in (("--train-list", train_lists), ("--train-images", train_images)):
        if given and len(given) != len(train_sets):
            raise click.UsageError(f"give {option} once for each --train, in the same order, or not at all")
    if images and (train_images or val_images):
        raise click.UsageError("--images is for all datasets; give --train-images and --val-images without it")
    reading: dict[str, Any] = {"format": format, "classes": classes, "allow_losses": allow_losses}
    train = [
        DatasetSource(path, folder or images, names, weight=weight, **reading)
        for (path, weight), names, folder in zip_longest(train_sets, train_lists, train_images)
    ]
    for option, each in (("--val-list", val_list), ("--val-images", val_images)):
        if each and not isinstance(val_set, Path):
            raise click.UsageError(f"{option} is for --val DATASET; give it too")
    folder = val_images or images
    val = DatasetSource(val_set, folder, val_list, **reading) if isinstance(val_set, Path) else val_set
    chosen = TrainingOptions(config, train, val, overwrite=overwrite, **options)
    preflight(chosen)
    from facedet.train.machine.distributed import is_first  # torch, once it is known that a run is possible
    from facedet.train.training import run_first_steps, run_training

    if dry_run:
        tried = run_first_steps(chosen)
        if is_first():
            click.echo(dry_run_text(tried))
        return
    summary = run_training(chosen)
    if not is_first():
        return
    click.echo(summary_text(summary))
    if summary.left_out:
        click.echo(f"{len(summary.left_out)} images or boxes were left out; summary.json lists them", err=True)
