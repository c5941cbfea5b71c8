"""The verbs that say how good a model is: evaluate, compare, reproduce."""

from pathlib import Path

import click

from facedet.core.common.errors import UserError
from facedet.core.common.files import refuse_inputs, write_json
from facedet.progress_bars import bar
from facedet.verbs.options import FILE, dataset_options


@click.command()
@click.argument("targets", type=FILE, nargs=-1, metavar="[MODEL] [SET]")
@click.option(
    "--predictions",
    type=FILE,
    help="In place of MODEL: WIDER text layout, or detections.json.",
)
@click.option("--metrics", multiple=True, help="coco, wider, ap64; several may follow.  [default: all that can be]")
@click.option("--wider-ground-truth", type=FILE, help="Folder of the four official .mat files.")
@dataset_options
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
    format: str | None,
    save_predictions: Path | None,
    report: Path | None,
    json_file: Path | None,
) -> None:
    """Measure MODEL (checkpoint, ONNX or IR) on SET; with --predictions SET alone, or only the ground truth."""
    from facedet.core.data.dataset import DatasetSource
    from facedet.core.evaluation.evaluate import METRICS
    from facedet.core.evaluation.evaluate import evaluate as measure
    from facedet.core.evaluation.predictions import save
    from facedet.core.evaluation.report import write_evaluation
    from facedet.tables.results import evaluation_table

    more = [t for t in targets if metrics and str(t) in METRICS and not t.exists()]
    wanted = [*metrics, *map(str, more)]
    files = [t for t in targets if t not in more]
    model = files.pop(0) if files and not predictions else None
    if len(files) > 1:
        raise UserError(f"{files[1]}: one set at a time")
    source = DatasetSource(files[0], images, names, format, None if names else "val") if files else None
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
@dataset_options
@click.option("--threshold", type=float, help="Least score that counts as found.  [default: 0.3]")
@click.option("--report", type=FILE, help="Folder for the pictures of what was gained and lost.")
def compare(
    first: Path,
    second: Path,
    set_: Path,
    images: Path | None,
    names: Path | None,
    format: str | None,
    threshold: float | None,
    report: Path | None,
) -> None:
    """Which faces of SET the SECOND model finds and the FIRST does not, and the reverse."""
    from facedet.core.data.dataset import DatasetSource
    from facedet.core.evaluation.compare import compare_models
    from facedet.core.evaluation.compare_report import write_comparison
    from facedet.core.export.interface import SHOW_ABOVE
    from facedet.tables.results import comparison_table

    refuse_inputs([report], [set_, images])
    limit = SHOW_ABOVE if threshold is None else threshold
    done = compare_models(
        (first, second), DatasetSource(set_, images, names, format, None if names else "val"), limit, bar
    )
    click.echo(comparison_table(done))
    if report:
        click.echo(f"wrote {write_comparison(done, report)}")


@click.command()
@click.option("--wider", type=FILE, required=True, help="Folder with WIDER_val/images and the official .mat files.")
@click.option("--ir", type=FILE, required=True, help="The published IR.")
@click.option("--report", type=FILE, help="Folder for curves, worst cases and a page.")
def reproduce(wider: Path, ir: Path, report: Path | None) -> None:
    """The published card's table from the published IR and WIDER FACE val: measured beside published."""
    from facedet.core.evaluation.report import write_evaluation
    from facedet.core.evaluation.reproduce import reproduce as measure
    from facedet.tables.results import card_table

    lines, done = measure(wider, ir, bar)
    click.echo(card_table(lines))
    if report:
        click.echo(f"wrote {write_evaluation(done, report)}")
