"""The commands that measure: evaluate, compare, reproduce, benchmark."""

from pathlib import Path

import click

from facedet.commands.options import (
    attributes_option,
    config_option,
    dataset_options,
    device_option,
    list_option,
    refuse_idle_config,
    resamples_option,
)
from facedet.commands.paths import DATASET, FILE, NewFolder, OutputFile, OutputFolder, OutputModel, verb
from facedet.common.errors import UserError
from facedet.common.files import write_json
from facedet.progress_bars import bar

_EVALUATION = ("evaluation.json", "evaluation.html", "curves.png", "worst.png")
_COMPARISON = ("comparison.json", "comparison.html")


@verb()
@click.argument("targets", type=DATASET, nargs=-1, metavar="[MODEL] [DATASET]")
@click.option(
    "--predictions",
    type=DATASET,
    help="Stored detections instead of MODEL: a folder in WIDER FACE's text layout, or a detections.json.",
)
@list_option("--metrics", help="One or more of coco, wider, ap64.  [default: all that are possible]")
@click.option("--wider-ground-truth", type=DATASET, help="Folder of the four official .mat files.")
@dataset_options
@attributes_option
@click.option(
    "--save-predictions",
    "predictions_folder",
    type=NewFolder(),
    help="New folder for the detections, in WIDER FACE's text layout.",
)
@click.option("--min-precision", type=float, help="Find the score for this share of right detections, such as 0.99.")
@click.option("--min-recall", type=float, help="Find the score for this share of detected faces, such as 0.95.")
@click.option("--max-false-alarms", type=float, help="Find the score for so many false alarms an image, such as 0.1.")
@click.option(
    "--store-threshold",
    "copy",
    type=OutputModel(),
    help="File for a copy of MODEL that shows detections above that score, or above that of the best F1.",
)
@click.option("--report", type=OutputFolder(_EVALUATION), help="Folder for evaluation.html, its JSON and its images.")
@click.option("--json", "json_file", type=OutputFile(), help="JSON file for all figures.")
@resamples_option
@device_option
@config_option
def evaluate(
    targets: tuple[Path, ...],
    predictions: Path | None,
    metrics: list[str],
    wider_ground_truth: Path | None,
    images: Path | None,
    names: Path | None,
    format: str | None,
    classes: tuple[str, ...],
    allow_losses: bool,
    attributes: Path | None,
    predictions_folder: Path | None,
    min_precision: float | None,
    min_recall: float | None,
    max_false_alarms: float | None,
    copy: Path | None,
    report: Path | None,
    json_file: Path | None,
    resamples: int,
    device: str | None,
    config: str | None,
) -> None:
    """Measure the accuracy of MODEL on DATASET.

    MODEL is a checkpoint, an ONNX file or an IR. With --predictions, give only DATASET, or only --wider-ground-truth.
    """
    from facedet.data.dataset import DatasetSource
    from facedet.evaluation.evaluate import evaluate as run_evaluation
    from facedet.evaluation.evaluation_report import write_evaluation
    from facedet.evaluation.metrics.operating import Target
    from facedet.evaluation.predictions import save_predictions
    from facedet.export.stored_point import check_copy, copy_with_point
    from facedet.text.accuracy import evaluation_table

    files = list(targets)
    model = files.pop(0) if files and not predictions else None
    if len(files) > 1:
        raise UserError(f"{files[1]}: give one dataset only")
    refuse_idle_config(config, model)
    if device and predictions:
        raise UserError(f"--device {device}: is for MODEL, but --predictions are stored; leave it out")
    target = Target(min_precision, min_recall, max_false_alarms)
    if copy:
        check_copy(model, copy)
    source = None
    if files:
        source = DatasetSource(files[0], images, names, format, classes=classes, allow_losses=allow_losses)
    evaluation = run_evaluation(
        model,
        source,
        predictions=predictions,
        wider_ground_truth=wider_ground_truth,
        metrics=metrics,
        target=target,
        progress=bar,
        config=config,
        device=device,
        attributes=attributes,
        resamples=resamples,
    )
    click.echo(evaluation_table(evaluation))
    if predictions_folder:
        save_predictions(evaluation.names, evaluation.detections, predictions_folder)
    if json_file:
        write_json(evaluation.as_dict(), json_file)
    if report:
        click.echo(f"wrote {write_evaluation(evaluation, report)}")
    if copy and model:
        click.echo(f"wrote {copy_with_point(model, copy, evaluation.thresholds.required_point())}")


@verb()
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.argument("dataset", type=DATASET)
@dataset_options
@attributes_option
@click.option(
    "--threshold", type=float, help="Score above which a detection of both counts.  [default: each model's own]"
)
@resamples_option
@click.option(
    "--report", type=OutputFolder(_COMPARISON), help="Folder for comparison.html, with crops of gained and lost faces."
)
@click.option("--json", "json_file", type=OutputFile(), help="JSON file for all figures.")
@device_option
@config_option
def compare(
    first: Path,
    second: Path,
    dataset: Path,
    images: Path | None,
    names: Path | None,
    format: str | None,
    classes: tuple[str, ...],
    allow_losses: bool,
    attributes: Path | None,
    threshold: float | None,
    resamples: int,
    report: Path | None,
    json_file: Path | None,
    device: str | None,
    config: str | None,
) -> None:
    """Compare two models on DATASET.

    Shows the faces that only SECOND detects (gained) and those that only FIRST detects (lost).
    """
    from facedet.data.dataset import DatasetSource
    from facedet.evaluation.compare import compare_models
    from facedet.evaluation.compare_report import write_comparison
    from facedet.text.accuracy import comparison_table

    refuse_idle_config(config, first, second)
    source = DatasetSource(dataset, images, names, format, classes=classes, allow_losses=allow_losses)
    comparison = compare_models((first, second), source, threshold, bar, config, device, resamples, attributes)
    click.echo(comparison_table(comparison))
    if json_file:
        write_json(comparison.as_dict(), json_file)
    if report:
        click.echo(f"wrote {write_comparison(comparison, report)}")


@verb()
@click.option("--wider", type=FILE, required=True, help="Folder with WIDER_val/images and the official .mat files.")
@click.option("--ir", type=FILE, required=True, help="The published IR.")
@click.option("--report", type=OutputFolder(_EVALUATION), help="Folder for evaluation.html, its JSON and its images.")
def reproduce(wider: Path, ir: Path, report: Path | None) -> None:
    """Reproduce the figures of the published model card.

    Needs the published IR and the validation set of WIDER FACE.
    """
    from facedet.evaluation.evaluation_report import write_evaluation
    from facedet.evaluation.reproduce import reproduce as run_reproduction
    from facedet.text.accuracy import card_table

    figures, evaluation = run_reproduction(wider, ir, bar)
    click.echo(card_table(figures))
    if report:
        click.echo(f"wrote {write_evaluation(evaluation, report)}")


@verb()
@click.argument("models", type=FILE, nargs=-1, required=True)
@list_option(
    "--precision",
    "precisions",
    help="Precision of an IR's computation: one or more of f32, bf16, default (OpenVINO's choice).  "
    "[default: f32 on the CPU, default elsewhere]",
)
@click.option("--rounds", type=click.IntRange(1), help="Measurements of each model.  [default: 20]")
@click.option(
    "--json", "json_file", type=OutputFile(), help="JSON file for all figures, including those of each round."
)
@device_option
@config_option
def benchmark(
    models: tuple[Path, ...],
    precisions: list[str],
    rounds: int | None,
    json_file: Path | None,
    device: str | None,
    config: str | None,
) -> None:
    """Compare the speed of MODELS: latency, throughput, time to open, memory.

    A model is a checkpoint, an ONNX file or an IR. The others are compared with the first.
    """
    from facedet.inference.benchmark import ROUNDS
    from facedet.inference.benchmark import benchmark as run_benchmark
    from facedet.text.benchmark import benchmark_table

    refuse_idle_config(config, *models)
    result = run_benchmark(models, precisions, rounds or ROUNDS, progress=bar, config=config, device=device)
    click.echo(benchmark_table(result))
    if json_file:
        write_json(result.as_dict(), json_file)
