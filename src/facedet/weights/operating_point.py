"""The score from which a detection counts as a face, and what was measured with it."""

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

OPERATING_POINT = "operating_point"  # the key in a checkpoint's `meta` and in the facts of an export
DEFAULT_THRESHOLD = 0.3  # where nothing was measured; scores are products and therefore low


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and its figures at IoU 0.5 on a dataset.

    threshold: detections with a higher score are shown. precision, recall, f1: in 0..1. false_alarms: false positives
    an image. images, faces: number of those that were measured, without ignored faces. dataset: `digest` of
    `data.fingerprint`. chosen: by what, such as `best F1` or `precision of 0.99 or more`.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    false_alarms: float
    images: int
    faces: int
    dataset: str
    chosen: str

    def to_json(self) -> str:
        """As text, for the facts of an export."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "OperatingPoint":
        """Read what `to_json` wrote. Raises ValueError."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, values: Any) -> "OperatingPoint":
        """The point of a dict that a file holds. Raises ValueError if it is damaged."""
        if not isinstance(values, dict) or values.keys() != {each.name for each in fields(cls)}:
            raise ValueError("other keys than those of an operating point")
        texts = {"dataset", "chosen"}
        for name, value in values.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not (isinstance(value, str) if name in texts else number):
                raise ValueError(f"{name} is {value!r}")
        if not 0 <= values["threshold"] <= 1:
            raise ValueError(f"threshold is {values['threshold']}, not in 0..1")
        return cls(**values)
