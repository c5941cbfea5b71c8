"""Outputs are written beside their name and renamed into place: a name never stands for half a file."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

from facedet.core.common.errors import UserError


def check_writable(folder: Path) -> None:
    """Make the folder if it is missing. Raises UserError where nothing can be written into it."""
    probe = folder / f".{os.getpid()}.writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror or error})") from error


def refuse_inputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Raises UserError where an output would replace an input, or lie within a folder that is only read."""
    for output, given in product(filter(None, outputs), list(filter(None, inputs))):
        within = given.is_dir() and output.resolve().is_relative_to(given.resolve())
        if within or output.resolve() == given.resolve():
            raise UserError(f"{output}: lies within {given}, which is only read; choose a place outside it")


def write_json(content: Any, path: Path) -> None:
    """Write plain values, numbers that JSON has only. Raises UserError where the folder cannot be written to."""
    with write_beside(path) as beside:
        beside.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


@contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder (made if missing); rename it to `path` if all went well.

    Raises UserError if the folder is full or cannot be written to.
    """
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
