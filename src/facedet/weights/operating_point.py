"""The score from which a detection counts as a face, and what was measured with it."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, first_line, one_line

OPERATING_POINT = "operating_point"  # the key in a checkpoint's `meta` and in the facts of an export
DEFAULT_THRESHOLD = 0.3  # where nothing was measured; scores are products and therefore low
_SHARES, _COUNTS = ("precision", "recall", "f1"), ("images", "faces")
_FIGURES = (*_SHARES, "false_alarms", *_COUNTS)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and its figures at IoU 0.5 on a dataset, all of them None if nothing was measured with it.

    threshold: detections with a higher score are shown. precision, recall, f1: in 0..1. false_alarms: false positives
    an image. images, faces: number of those that were measured, without ignored faces. dataset: `digest` of
    `data.fingerprint`. chosen: by what, such as `best F1`, `precision of 0.99 or more` or `given at export`.
    """

    threshold: float
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    false_alarms: float | None = None
    images: int | None = None
    faces: int | None = None
    dataset: str = ""
    chosen: str = ""

    @property
    def is_measured(self) -> bool:
        return self.precision is not None

    def __str__(self) -> str:
        words = [one_line(self.chosen)]
        if self.is_measured:
            words[0] += f" on {self.images} images with {self.faces} faces"
            words += [f"{name} {100 * getattr(self, name):.1f} %" for name in ("precision", "recall")]
            words += [f"{self.false_alarms:.2g} false alarms an image"]
        return f"threshold {self.threshold:g}: {', '.join(words)}"

    def to_json(self) -> str:
        """As text, for the facts of an export."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "OperatingPoint":
        """Read what `to_json` wrote. Raises ValueError."""
        try:
            return cls.of(json.loads(text))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    @classmethod
    def of(cls, values: Any) -> "OperatingPoint":
        """The point of a dict that a file holds. Raises ValueError if it is damaged."""
        if not isinstance(values, dict) or values.keys() != {each.name for each in fields(cls)}:
            raise ValueError("other keys than those of an operating point")
        missing = [name for name in _FIGURES if values[name] is None]
        if missing and len(missing) < len(_FIGURES):
            raise ValueError(f"{missing[0]} is missing")
        for name, value in values.items():
            if name not in missing and not _is_possible(name, value):
                raise ValueError(f"{name} is {ascii(value)[:60]}")
        return cls(**values)


def _is_possible(name: str, value: Any) -> bool:
    if name in ("dataset", "chosen"):
        return isinstance(value, str)
    if name in _COUNTS:
        return type(value) is int and value >= 0
    if type(value) not in (int, float) or not math.isfinite(value):
        return False
    return 0 <= value <= 1 if name != "false_alarms" else value >= 0


def threshold_of(point: OperatingPoint | None) -> float:
    """The threshold of a model with this point, or without one."""
    return point.threshold if point else DEFAULT_THRESHOLD


def in_words(point: OperatingPoint | None) -> str:
    """The threshold of a model and where it comes from."""
    return str(point or f"threshold {DEFAULT_THRESHOLD:g}: nothing was measured")


def point_of_checkpoint(meta: Mapping[str, Any], path: Path) -> OperatingPoint | None:
    """The point in a checkpoint's `meta`; None if it has none. path: of the file. Raises UserError if it is damaged."""
    return _read(OperatingPoint.of, meta.get(OPERATING_POINT), path)


def point_of_export(facts: Mapping[str, str], path: Path) -> OperatingPoint | None:
    """The point in the facts of an export; None if they have none. path: of the file. Raises UserError if it is
    damaged."""
    return _read(OperatingPoint.from_json, facts.get(OPERATING_POINT), path)


def _read(read: Any, stored: Any, path: Path) -> OperatingPoint | None:
    if stored is None:
        return None
    try:
        return read(stored)
    except ValueError as error:
        raise UserError(f"{path}: its operating point is damaged ({first_line(error)})") from error
