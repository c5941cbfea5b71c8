"""The JSON reports that a card quotes: each must be about the card's model, known by its SHA-256."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError, first_line

VERBS = {"evaluation": "evaluate", "parity": "parity", "quantization": "quantize", "training": "train"}  # by kind
_KEYS = {"evaluation": "ap50_by_height", "parity": "pairs", "quantization": "variants", "training": "best_checkpoint"}
_LARGEST = 256 << 20  # bytes


@dataclass(frozen=True)
class Reports:
    """The content of each report; empty if there is none."""

    evaluation: dict[str, Any] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    quantization: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, dict[str, Any]]:
        """Those that there are, by kind."""
        return {kind: getattr(self, kind) for kind in VERBS if getattr(self, kind)}


def read_report(path: Path, kind: str) -> dict[str, Any]:
    """The content of a report of a kind. Raises UserError if the file is none."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path}: is larger than any report")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON report ({first_line(error)})") from error
    if not isinstance(content, dict) or _KEYS[kind] not in content:
        raise UserError(f"{path}: not the JSON of `facedet {VERBS[kind]}`; give that for --{kind}")
    return content


def check_report(
    content: Mapping[str, Any], path: Path, kind: str, model: Path, digests: Mapping[str, str], checkpoint: str
) -> None:
    """Raise UserError unless a report is about the model.

    digests: SHA-256 of the model's files by name. checkpoint: that of the checkpoint that the model was exported from,
    empty if it was not; a training may be about it.
    """
    others = {checkpoint} if kind == "training" and checkpoint else set()
    measured = [set(files.values()) for files in _files(content)]
    if not measured:
        raise UserError(
            f"{path}: does not state the SHA-256 of its model: an earlier version of `facedet {VERBS[kind]}` wrote it; "
            "make a new one, or leave it out"
        )
    if not any(files == set(digests.values()) or files & others for files in measured):
        names = ", ".join(name for files in _files(content) for name in files)
        raise UserError(
            f"{path}: is about other files ({names}), by their SHA-256, than {model}; give the report of this file"
        )


def _files(content: Mapping[str, Any]) -> list[dict[str, str]]:
    """The SHA-256 of each file of each model that a report states."""
    about = content.get("about")
    models = about.get("models") if isinstance(about, dict) else None
    found = [each.get("sha256") for each in models if isinstance(each, dict)] if isinstance(models, list) else []
    return [files for files in found if isinstance(files, dict) and files and all(map(_is_text, files.values()))]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
