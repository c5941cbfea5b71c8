"""Options shared by several commands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from facedet.commands.paths import DATASET, FILE, NameOrInput
from facedet.common.errors import UserError, one_line
from facedet.data.formats.table import NAMES

_FEWEST = 100  # resamples: the limits of an interval lie between few of them


def format_option(of: str) -> Callable:
    """--format of the datasets that `of` names."""
    return click.option("--format", help=f"Format of {of}: {NAMES}.  [default: detected]")


def reading_options(verb: Callable) -> Callable:
    """The options that say what of a dataset is used: --classes, --allow-losses."""
    for option in (
        click.option(
            "--allow-losses", is_flag=True, help="Go on if more than 1 % of the images, boxes or names is unusable."
        ),
        list_option("--classes", help="Classes that count as faces, or all.  [default: all, unless one is named face]"),
    ):
        verb = option(verb)
    return verb


def dataset_options(verb: Callable) -> Callable:
    """The options that say how to read DATASET: --images, --list, --format, --classes, --allow-losses."""
    for option in (
        reading_options,
        format_option("the annotations"),
        click.option("--list", "names", type=FILE, help="Text file with the names of the images to use, one per line."),
        click.option("--images", type=DATASET, help="Folder of the images, if not where the format expects them."),
    ):
        verb = option(verb)
    return verb


def list_option(*names: str, help: str) -> Callable:
    """An option that takes several words: separated by commas, or repeated."""
    return click.option(*names, multiple=True, callback=_split, metavar="NAME,...", help=help)


def _split(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> tuple[str, ...]:
    return tuple(word.strip() for each in given for word in each.split(",") if word.strip())


def config_option(verb: Callable) -> Callable:
    """--config, for the verbs that open checkpoints."""
    return click.option(
        "--config",
        type=NameOrInput(),
        help="Config of a checkpoint with another backbone, of mmdet or your own (docs/configs.md).",
    )(verb)


def attributes_option(verb: Callable) -> Callable:
    """--attributes, for the verbs that measure in groups of faces."""
    return click.option(
        "--attributes",
        type=FILE,
        help="CSV file with attributes of images or faces, to measure by (docs/evaluation.md).",
    )(verb)


def device_option(verb: Callable) -> Callable:
    """--device, for the verbs that run models."""
    return click.option(
        "--device",
        metavar="NAME",
        help="Device: of OpenVINO for IRs (CPU, GPU, NPU, AUTO), of PyTorch for checkpoints (cuda).  [default: CPU]",
    )(verb)


def echo_left_out(lines: Sequence[str]) -> None:
    """Print on stderr what of a dataset was not used."""
    for line in lines:
        click.echo(f"left out: {one_line(line)}", err=True)


def refuse_idle_config(config: str | None, *models: Any) -> None:
    """Raise UserError if a config is given and no model is a checkpoint."""
    if config and not any(Path(model).suffix == ".pth" for model in models if model):
        raise UserError(f"--config {config}: is for checkpoints (.pth), but no model is one; leave it out")


def resamples_option(verb: Callable) -> Callable:
    """--resamples, for the verbs that give intervals."""
    return click.option(
        "--resamples",
        type=int,
        default=2000,
        callback=_enough,
        help="Resamples of the images for the 95 % intervals, or 0 for no intervals.  [default: 2000]",
    )(verb)


def _enough(context: click.Context, parameter: click.Parameter, given: int) -> int:
    if given and given < _FEWEST:
        raise UserError(f"--resamples {given}: give {_FEWEST} or more, or 0 for no intervals")
    return given
