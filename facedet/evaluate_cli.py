"""The verbs that say how good a model is: evaluate, compare, reproduce."""

from pathlib import Path

import click

from data.errors import UserError
from data.files import refuse_inputs, write_json
from facedet.bars import bar
from facedet.options import FILE, set_to_measure


@click.command()
@click.argument("targets", type=FILE, nargs=-1, metavar="[MODEL] [SET]")
@click.option(
    "--predictions",
    type=FILE,
    help="In place of MODEL: WIDER text layout, or detections.json.",
)
@click.option("--metrics", multiple=True, help="coco, wider, ap64; several may follow.  [default: all that can be]")
@click.option("--wider-ground-truth", type=FILE, help="Folder of the four official .mat files.")
@set_to_measure
@click.option("--save-predictions", type=FILE, help="Folder for the detections in WIDER's text layout.")
@click.option("--report", type=FILE, help="Folder for curves, worst cases and a page.")
@click.option("--json", "json_file", type=FILE, help="File for all figures.")
def evaluate(
    targets: tuple[Path, ...],
    predictions: Path | None,
    metrics: tuple[str, ...],
    wider_ground_truth: Path | None,
    images: Path | None,
    names: Path | None,
    form: str | None,
    save_predictions: Path | None,
    report: Path | None,
    json_file: Path | None,
) -> None:
    """Measure MODEL (checkpoint, ONNX or IR) on SET; with --predictions SET alone, or only the ground truth."""
    from data.faceset import Source
    from evaluation.predictions import save
    from export.evaluate import METRICS
    from export.evaluate import evaluate as measure
    from export.evaluation_report import write_evaluation
    from facedet.table import evaluation_table

    more = [t for t in targets if metrics and str(t) in METRICS and not t.exists()]
    wanted = [*metrics, *map(str, more)]
    files = [t for t in targets if t not in more]
    model = files.pop(0) if files and not predictions else None
    if len(files) > 1:
        raise UserError(f"{files[1]}: one set at a time")
    source = Source(files[0], images, names, form, None if names else "val") if files else None
    outputs = [save_predictions, report, json_file]
    refuse_inputs(outputs, [*files, model, images, names, predictions, wider_ground_truth])
    done = measure(
        model, source, predictions=predictions, wider_ground_truth=wider_ground_truth, metrics=wanted, progress=bar
    )
    click.echo(evaluation_table(done))
    if save_predictions:
        save(done.names, done.detections, save_predictions)
    if json_file:
        write_json(done.as_dict(), json_file)
    if report:
        click.echo(f"wrote {write_evaluation(done, report)}")


@click.command()
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.argument("set_", type=FILE, metavar="SET")
@set_to_measure
@click.option("--threshold", type=float, help="Least score that counts as found.  [default: 0.3]")
@click.option("--report", type=FILE, help="Folder for the pictures of what was gained and lost.")
def compare(
    first: Path,
    second: Path,
    set_: Path,
    images: Path | None,
    names: Path | None,
    form: str | None,
    threshold: float | None,
    report: Path | None,
) -> None:
    """Which faces of SET the SECOND model finds and the FIRST does not, and the reverse."""
    from data.faceset import Source
    from export.compare import compare_models
    from export.compare_report import write_comparison
    from export.interface import SHOW_ABOVE
    from facedet.table import comparison_table

    refuse_inputs([report], [set_, images])
    limit = SHOW_ABOVE if threshold is None else threshold
    done = compare_models((first, second), Source(set_, images, names, form, None if names else "val"), limit, bar)
    click.echo(comparison_table(done))
    if report:
        click.echo(f"wrote {write_comparison(done, report)}")


@click.command()
@click.option("--wider", type=FILE, required=True, help="Folder with WIDER_val/images and the official .mat files.")
@click.option("--ir", type=FILE, required=True, help="The published IR.")
@click.option("--report", type=FILE, help="Folder for curves, worst cases and a page.")
def reproduce(wider: Path, ir: Path, report: Path | None) -> None:
    """The published card's table from the published IR and WIDER FACE val: measured beside published."""
    from export.evaluation_report import write_evaluation
    from export.reproduce import reproduce as measure
    from facedet.table import card_table

    lines, done = measure(wider, ir, bar)
    click.echo(card_table(lines))
    if report:
        click.echo(f"wrote {write_evaluation(done, report)}")
