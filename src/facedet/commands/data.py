"""The commands `facedet data ...`: check, convert, merge and split datasets."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from facedet.commands.options import (
    dataset_options,
    echo_left_out,
    format_option,
    list_option,
    reading_options,
)
from facedet.commands.paths import DATASET, FILE, NewFolder, OutputFile, OutputFolder, Verb
from facedet.common.errors import one_line
from facedet.data.writers.table import TARGETS


@click.group()
def data() -> None:
    """Check, convert, merge and split datasets of annotated images."""


@data.command(cls=Verb)
@click.argument("source", type=DATASET, metavar="DATASET")
@click.option(
    "-o", "--output", type=NewFolder(), required=True, help="Empty folder for the annotations and the images."
)
@click.option("--to", type=click.Choice(list(TARGETS)), required=True, help="Format to write.")
@dataset_options
def convert(source: Path, output: Path, to: str, classes: tuple[str, ...], **options: Any) -> None:
    """Write DATASET in another format, with its classes. Images are copied unchanged."""
    from facedet.data.classes import ALL
    from facedet.data.convert import convert_dataset
    from facedet.data.dataset import DatasetSource
    from facedet.progress_bars import bar

    note_splits(source, options["format"], "become one dataset")
    left_out: list[str] = []
    chosen = DatasetSource(source, classes=classes or (ALL,), **options)
    path = convert_dataset(chosen, output, to, bar, left_out.append)
    echo_left_out(left_out)
    click.echo(f"wrote {path}")


@data.command(cls=Verb)
@click.argument("sources", type=DATASET, metavar="DATASET...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=NewFolder(), required=True, help="Empty folder for the annotations and the images."
)
@click.option("--to", type=click.Choice(list(TARGETS)), default="coco", show_default=True, help="Format to write.")
@click.option("--val", "share", type=float, help="Share of the images for validation: also writes train.txt, val.txt.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random split.")
@reading_options
def merge(
    sources: tuple[Path, ...],
    output: Path,
    to: str,
    share: float | None,
    seed: int,
    classes: tuple[str, ...],
    allow_losses: bool,
) -> None:
    """Write several DATASETs, in any formats, as one. Near-duplicates stay on one side of --val."""
    from facedet.data.classes import ALL
    from facedet.data.dataset import DatasetSource
    from facedet.data.merge import merge_datasets
    from facedet.progress_bars import bar

    for path in sources:
        note_splits(path, None, "become one dataset")
    left_out: list[str] = []
    given = [DatasetSource(path, classes=classes or (ALL,), allow_losses=allow_losses) for path in sources]
    path = merge_datasets(given, output, to, share, seed, bar, left_out.append)
    echo_left_out(left_out)
    click.echo(f"wrote {path}")
    if share is not None:
        echo_lists(output / f"{part}.txt" for part in ("train", "val"))


@data.command(cls=Verb)
@click.argument("source", type=DATASET, metavar="DATASET")
@click.option("--val", type=DATASET, help="Validation dataset. Images in both datasets are reported.")
@click.option(
    "--train-list", type=FILE, help="Text file with the names of the images of DATASET to check, one per line."
)
@click.option("--val-list", type=FILE, help="Text file with the names of the images of --val to check, one per line.")
@click.option(
    "--images",
    type=DATASET,
    help="Folder of the images of both datasets, if not where the format expects them.",
)
@click.option("--train-images", type=DATASET, help="Folder of the images of DATASET.")
@click.option("--val-images", type=DATASET, help="Folder of the images of --val.")
@format_option("both datasets")
@list_option("--classes", help="Classes that count as faces, or all.  [default: all]")
@click.option(
    "--input-size", type=click.IntRange(1), help="Network's input size in pixels.  [default: the released model's]"
)
@click.option(
    "--report",
    type=OutputFolder(["check.json", "check.html"]),
    help="Folder for check.json and check.html, which shows the worst cases.",
)
@click.option("--json", "json_file", type=OutputFile(), help="JSON file for all findings.")
def check(
    source: Path,
    val: Path | None,
    train_list: Path | None,
    val_list: Path | None,
    images: Path | None,
    train_images: Path | None,
    val_images: Path | None,
    format: str | None,
    classes: tuple[str, ...],
    input_size: int | None,
    report: Path | None,
    json_file: Path | None,
) -> None:
    """Check DATASET before training; nothing is changed. Exit code 1 if something would harm training, else 0."""
    from facedet.common.files import write_json
    from facedet.configs.face_detection_0206 import input_size as released_size
    from facedet.data.dataset import DatasetSource
    from facedet.data.formats.recognise import has_train_and_val
    from facedet.data.inspect.check import check_dataset
    from facedet.data.inspect.check_report import write_check
    from facedet.progress_bars import bar
    from facedet.text.check import check_table

    if val is None and train_list is None and has_train_and_val(source, format):
        val = source
    if val is None and (val_list or val_images):
        raise click.UsageError("--val-list and --val-images are for --val; give it too")
    train_source = DatasetSource(source, train_images or images, train_list, format, classes=classes)
    val_source = None
    if val:
        train_source = DatasetSource.of(train_source, "train")
        val_source = DatasetSource(val, val_images or images, val_list, format, classes=classes)
        val_source = DatasetSource.of(val_source, "val")
    result = check_dataset(train_source, input_size or released_size, val_source, bar)
    click.echo(check_table(result))
    if json_file:
        write_json(result.as_dict(), json_file)
    if report:
        click.echo(f"wrote {write_check(result, report)}")
    sys.exit(1 if result.hurts else 0)


@data.command(cls=Verb)
@click.argument("source", type=DATASET, metavar="DATASET")
@click.option("--val", "share", type=float, required=True, help="Share of the images for validation, for example 0.2.")
@click.option(
    "-o",
    "--output",
    type=OutputFolder(["train.txt", "val.txt"]),
    required=True,
    help="Folder for train.txt and val.txt.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random split.")
@dataset_options
def split(source: Path, share: float, output: Path, seed: int, **options: Any) -> None:
    """Split DATASET into lists for --train-list and --val-list. Near-duplicates stay on one side."""
    from facedet.data.dataset import DatasetSource
    from facedet.data.inspect.split import split_dataset
    from facedet.progress_bars import bar

    note_splits(source, options["format"], "are split anew, together")
    left_out: list[str] = []
    files = split_dataset(DatasetSource(source, **options), output, share, seed, bar, left_out.append)
    echo_left_out(left_out)
    echo_lists(files)


def note_splits(path: Path, format: str | None, what: str) -> None:
    """Say on stderr what becomes of the splits that a dataset has."""
    from facedet.data.formats.recognise import splits_of

    if len(names := splits_of(path, format)) > 1:
        click.echo(one_line(f"note: the splits of {path} ({', '.join(names)}) {what}"), err=True)


def echo_lists(files: Iterable[Path]) -> None:
    """Print how many images each list names."""
    from facedet.data.lists import read_list

    for path in files:
        click.echo(f"wrote {path}: {len(read_list(path))} images")
