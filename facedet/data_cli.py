"""The verbs `facedet data ...`: sets of annotated photographs, looked at, converted, divided."""

import sys
from pathlib import Path

import click

from facedet.options import FILE


@click.group()
def data() -> None:
    """Check, convert and split sets of annotated photographs."""


@data.command()
@click.argument("set_", type=FILE, metavar="SET")
@click.option("-o", "--output", type=FILE, required=True, help="Folder for annotations.json and images/.")
@click.option("--to", type=click.Choice(["coco"]), required=True, help="Form to write.")
@click.option("--images", type=FILE, help="Folder of the pictures, if not where the set's form puts them.")
@click.option("--format", "form", help="Form of SET, if not to be told: coco, cvat, datumaro, voc, wider, yolo.")
def convert(set_: Path, output: Path, to: str, images: Path | None, form: str | None) -> None:
    """Write SET, of any form, as COCO with its pictures copied unchanged."""
    from data.convert import to_coco
    from data.faceset import Source
    from facedet.bars import bar

    left_out: list[str] = []
    path = to_coco(Source(set_, images, form=form), output, bar, left_out.append)
    for line in left_out:
        click.echo(f"left out: {line}", err=True)
    click.echo(f"wrote {path}")


@data.command()
@click.argument("source", type=FILE, metavar="SET")
@click.option("--val", type=FILE, help="The set that will validate: no picture may be in both.")
@click.option("--train-list", type=FILE, help="Text file: the pictures of SET to check, one a line.")
@click.option("--val-list", type=FILE, help="Text file: the pictures of --val to check, one a line.")
@click.option("--images", type=FILE, help="Folder of the pictures of both sets, if not where their form puts them.")
@click.option("--format", "form", help="The form of both sets, where it is not to be recognised.")
@click.option("--input-size", type=click.IntRange(1), help="Side of the network's input, pixels.  [default: 640]")
@click.option("--report", type=FILE, help="Folder for check.json and check.html, the worst cases in pictures.")
@click.option("--json", "json_file", type=FILE, help="File for everything found.")
def check(
    source: Path,
    val: Path | None,
    train_list: Path | None,
    val_list: Path | None,
    images: Path | None,
    form: str | None,
    input_size: int | None,
    report: Path | None,
    json_file: Path | None,
) -> None:
    """Look SET over before a training; it stays as it is. Exit code 1 if something would hurt, 0 if not."""
    from data.check import INPUT_SIZE, check_set
    from data.check_report import write_report
    from data.faceset import Source
    from data.files import refuse_inputs, write_json
    from data.yolo import tells_of_both
    from facedet.bars import bar
    from facedet.check_table import check_table

    if val is None and train_list is None and form in (None, "yolo") and tells_of_both(source):
        val = source
    refuse_inputs([report, json_file], [source, val, images])
    first = Source(source, images, train_list, form, "train" if val and not train_list else None)
    second = Source(val, images, val_list, form, None if val_list else "val") if val else None
    result = check_set(first, second, bar, input_size or INPUT_SIZE)
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
@click.option("--images", type=FILE, help="Folder of the pictures, if not where the set's form puts them.")
@click.option("--format", "form", help="The set's form, where it is not to be recognised.")
def split(source: Path, share: float, output: Path, seed: int, images: Path | None, form: str | None) -> None:
    """Divide SET into lists for --train-list and --val-list; near duplicates stay on one side."""
    from data.faceset import Source
    from data.split import split_set
    from facedet.bars import bar

    for path in split_set(Source(source, images, form=form), output, share, seed, bar):
        click.echo(f"wrote {path}: {len(path.read_text(encoding='utf-8').splitlines())} pictures")
