"""What a report states of itself: the models and datasets, the versions, the date and the command."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from facedet.common.files import sha256

FROM_PYTHON = "called from Python"
_PACKAGES = {  # what figures depend on: the name of each package, and of its module
    "face-detection-0206": "facedet",
    "numpy": "numpy",
    "onedl-mmdetection": "mmdet",
    "onnxruntime": "onnxruntime",
    "nncf": "nncf",
    "openvino": "openvino",
    "torch": "torch",
}
_command = ContextVar("command", default=FROM_PYTHON)


@dataclass(frozen=True)
class ReportedModel:
    """A model file.

    path: as given. sha256: the digest of each of its files by name; an IR has two. made: what the file says of how it
    was made, such as its checkpoint and its training run. threshold: the score above which a detection counts, None if
    it has no part in the figures. device, precision: in which it computed, empty if it did not.
    """

    path: str
    sha256: dict[str, str]
    made: dict[str, str] = field(default_factory=dict)
    threshold: float | None = None
    device: str = ""
    precision: str = ""


@dataclass(frozen=True)
class ReportedDataset:
    """A dataset. path, list: as given; list is empty if all images were used. fingerprint: of `data.fingerprint`, of
    the images that were used; empty if the report is about files that are not all usable. licence: that its files
    state, empty if none was found, None if nobody looked."""

    path: str
    list: str = ""
    role: str = "dataset"
    fingerprint: Mapping[str, Any] = field(default_factory=dict)
    licence: str | None = None


@dataclass(frozen=True)
class ReportFacts:
    """What a report is about and how it was made. date: local time with its offset. command: the command line, or
    `FROM_PYTHON`."""

    models: Sequence[ReportedModel]
    datasets: Sequence[ReportedDataset]
    versions: dict[str, str]
    date: str
    command: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@contextmanager
def called_as(command: str) -> Iterator[None]:
    """Reports that are made within the block state this command line."""
    token = _command.set(command)
    try:
        yield
    finally:
        _command.reset(token)


def report_facts(models: Sequence[ReportedModel] = (), datasets: Sequence[ReportedDataset] = ()) -> ReportFacts:
    """The facts of a report that is made now."""
    versions = {name: version(name) for name, module in _PACKAGES.items() if module in sys.modules}
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    return ReportFacts(models, datasets, {**versions, "Python": python_version()}, date, _command.get())


def digests(path: Path) -> dict[str, str]:
    """The SHA-256 of each file of a model by name: of an IR also that of its .bin."""
    files = [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]
    return {file.name: sha256(file) for file in files}


def rows(facts: ReportFacts) -> list[tuple[str, str]]:
    """Name and value of each line of the table in a page; digests are shortened, the JSON has them whole."""
    lines = []
    for data in facts.datasets:
        counts = [f"{data.fingerprint[name]:,} {name}" for name in ("images", "faces") if name in data.fingerprint]
        digest = [f"fingerprint {_short(data.fingerprint['digest'])}"] if data.fingerprint else []
        stated = [data.list and f"list {data.list}", *counts, *digest, data.licence and f"licence {data.licence}"]
        lines.append((data.role, "; ".join([data.path, *filter(None, stated)])))
    for model in facts.models:
        lines.append(("model", model.path))
        lines += [(f"SHA-256 of {name}", _short(digest)) for name, digest in model.sha256.items()]
        lines += [(name.replace("_", " "), _short(value)) for name, value in model.made.items()]
        computed = {"threshold": model.threshold, "device": model.device, "precision": model.precision}
        lines += [(name, str(value)) for name, value in computed.items() if value not in (None, "")]
    versions = ", ".join(f"{name} {number}" for name, number in facts.versions.items())
    return [*lines, ("versions", versions), ("date", facts.date), ("command", facts.command)]


def _short(text: str) -> str:
    """A digest without most of its digits; other texts as they are."""
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
