"""The verbs `facedet data ...`: sets of annotated photographs, looked at, converted, divided."""

import sys
from pathlib import Path

import click

from facedet.verbs.options import FILE


@click.group()
def data() -> None:
    """Check, convert and split sets of annotated photographs."""


@data.command()
@click.argument("set_", type=FILE, metavar="SET")
@click.option("-o", "--output", type=FILE, required=True, help="Folder for annotations.json and images/.")
@click.option("--to", type=click.Choice(["coco"]), required=True, help="Form to write.")
@click.option("--images", type=FILE, help="Folder of the pictures, if not where the set's format puts them.")
@click.option("--format", help="Form of SET, if not to be told: coco, cvat, datumaro, voc, wider, yolo.")
def convert(set_: Path, output: Path, to: str, images: Path | None, format: str | None) -> None:
    """Write SET, of any format, as COCO with its pictures copied unchanged."""
    from facedet.core.data.convert import to_coco
    from facedet.core.data.dataset import DatasetSource
    from facedet.progress_bars import bar

    left_out: list[str] = []
    path = to_coco(DatasetSource(set_, images, format=format), output, bar, left_out.append)
    for line in left_out:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"wrote {path}")


@data.command()
@click.argument("source", type=FILE, metavar="SET")
@click.option("--val", type=FILE, help="The set that will validate: no picture may be in both.")
@click.option("--train-list", type=FILE, help="Text file: the pictures of SET to check, one a line.")
@click.option("--val-list", type=FILE, help="Text file: the pictures of --val to check, one a line.")
@click.option("--images", type=FILE, help="Folder of the pictures of both sets, if not where their format puts them.")
@click.option("--format", help="The format of both sets, where it is not to be recognised.")
@click.option("--input-size", type=click.IntRange(1), help="Side of the network's input, pixels.  [default: 640]")
@click.option("--report", type=FILE, help="Folder for check.json and check.html, the worst cases in pictures.")
@click.option("--json", "json_file", type=FILE, help="File for everything found.")
def check(
    source: Path,
    val: Path | None,
    train_list: Path | None,
    val_list: Path | None,
    images: Path | None,
    format: str | None,
    input_size: int | None,
    report: Path | None,
    json_file: Path | None,
) -> None:
    """Look SET over before a training; it stays as it is. Exit code 1 if something would hurt, 0 if not."""
    from facedet.core.common.files import refuse_inputs, write_json
    from facedet.core.data.dataset import DatasetSource
    from facedet.core.data.formats.yolo import tells_of_both
    from facedet.core.data.inspect.check import INPUT_SIZE, check_dataset
    from facedet.core.data.inspect.report import write_report
    from facedet.progress_bars import bar
    from facedet.tables.check import check_table

    if val is None and train_list is None and format in (None, "yolo") and tells_of_both(source):
        val = source
    refuse_inputs([report, json_file], [source, val, images])
    first = DatasetSource(source, images, train_list, format, "train" if val and not train_list else None)
    second = DatasetSource(val, images, val_list, format, None if val_list else "val") if val else None
    result = check_dataset(first, second, bar, input_size or INPUT_SIZE)
    click.echo(check_table(result))
    if json_file:
        write_json(result.as_dict(), json_file)
    if report:
        click.echo(f"wrote {write_report(result, report)}")
    sys.exit(1 if result.hurts else 0)


@data.command()
@click.argument("source", type=FILE, metavar="SET")
@click.option("--val", "share", type=float, required=True, help="Share of the pictures that validates, as 0.2.")
@click.option("-o", "--output", type=FILE, required=True, help="Folder for train.txt and val.txt.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another one draws another split.")
@click.option("--images", type=FILE, help="Folder of the pictures, if not where the set's format puts them.")
@click.option("--format", help="The set's format, where it is not to be recognised.")
def split(source: Path, share: float, output: Path, seed: int, images: Path | None, format: str | None) -> None:
    """Divide SET into lists for --train-list and --val-list; near duplicates stay on one side."""
    from facedet.core.data.dataset import DatasetSource
    from facedet.core.data.inspect.split import split_dataset
    from facedet.progress_bars import bar

    for path in split_dataset(DatasetSource(source, images, format=format), output, share, seed, bar):
        click.echo(f"wrote {path}: {len(path.read_text(encoding='utf-8').splitlines())} pictures")
