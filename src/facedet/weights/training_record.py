"""What a checkpoint says about its training; exports say it on. Needs no torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from facedet.common.errors import one_line
from facedet.weights.origin import ORIGIN

TRAINING = "training_record"  # the key in the facts of an export
LINEAGE, VERSION, RECIPE = "lineage", "version", "recipe"  # keys in a checkpoint's `meta`
DATA_NAMES, DATA_LICENCES = "data_names", "data_licences"


@dataclass(frozen=True)
class Ancestor:
    """Weights that others were trained from.

    weights: a phrase, such as `all weights of best.pth`. sha256: of the file; empty if there was none. licence: of the
    data that they were trained on, as `UsedData` has it.
    """

    weights: str
    sha256: str = ""
    licence: str | None = None

    def __str__(self) -> str:
        return f"{self.weights} (sha256 {self.sha256})" if self.sha256 else self.weights


@dataclass(frozen=True)
class UsedData:
    """A dataset of a run. name: without folders, as a model is given away. licence: that its files state, empty if
    none was found, None if nobody looked. Others: of `data.fingerprint`."""

    name: str
    images: int | None
    faces: int | None
    digest: str
    licence: str | None = None

    def __str__(self) -> str:
        counts = f"{self.images:,} images, {self.faces:,} faces" if None not in (self.images, self.faces) else ""
        digest, licence = self.digest and f"fingerprint {self.digest[:12]}", self.licence and f"licence {self.licence}"
        parts = (self.name, counts, digest, licence)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class TrainingRecord:
    """Where some weights come from. What the file does not state is empty or None.

    version: of this project. date: when the weights were written, local time. epoch: of these weights; 0 is the start,
    None without training. epochs: of the whole schedule. ap: COCO AP of these weights on the validation images, 0..1.
    lineage: what training started from, or what was imported, and before that, newest first.
    """

    version: str = ""
    date: str = ""
    config: str = ""
    recipe: str = ""
    epoch: int | None = None
    epochs: int | None = None
    images_per_step: int | None = None
    seed: int | None = None
    ap: float | None = None
    train: UsedData | None = None
    val: UsedData | None = None
    lineage: list[Ancestor] = field(default_factory=list)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrainingRecord":
        """Read what `to_json` wrote. Raises ValueError for other text."""
        try:
            values = json.loads(text)
        except RecursionError as error:
            raise ValueError("not a record of training") from error
        if not isinstance(values, dict):
            raise ValueError("not a record of training")
        texts = {name: _text(values.get(name)) for name in ("version", "date", "config", "recipe")}
        counts = {name: _count(values.get(name)) for name in ("epoch", "epochs", "images_per_step", "seed")}
        data = {name: _used(values.get(name)) for name in ("train", "val")}
        ancestors = _ancestors(values.get("lineage"))
        return cls(**texts, **counts, **data, ap=_share(values.get("ap")), lineage=ancestors)  # type: ignore[arg-type]

    @property
    def progress(self) -> str:
        """`12 of 40`, or `12` if the schedule is not stated; empty without training."""
        return "" if self.epoch is None else str(self.epoch) + (f" of {self.epochs}" if self.epochs else "")

    def facts(self) -> dict[str, str]:
        """What is stated, by names for people."""
        data = {"trained on": self.train, "validated on": self.val}
        rows: dict[str, Any] = {
            "version": self.version,
            "written": self.date,
            "recipe": self.recipe,
            "epoch": self.progress,
            "AP": "" if self.ap is None else f"{self.ap:.3f} on the validation images",
            **{name: str(each) for name, each in data.items() if each},
        }
        first = "imported from" if self.epoch is None else "started from"
        began = {first if k == 0 else f"before that, {k}": str(each) for k, each in enumerate(self.lineage)}
        return {name: value for name, value in (rows | began).items() if value}


def record_of(meta: Mapping[str, Any], config: str = "") -> TrainingRecord | None:
    """The record of a checkpoint; None if it says nothing. meta: its `meta`. config: name of its config."""
    if _count(meta.get("epoch")) is None and ORIGIN not in meta:
        return None
    parts = zip(*(_pair(meta.get(key)) for key in ("data", DATA_NAMES, DATA_LICENCES)), strict=True)
    train, val = (
        _used({**each, "name": name, "licence": licence}) if isinstance(each, dict) else None
        for each, name, licence in parts
    )
    return TrainingRecord(
        version=_text(meta.get(VERSION)),
        date=_date(meta.get("time")),
        config=config,
        recipe=_text(meta.get(RECIPE)),
        epoch=_count(meta.get("epoch")),
        epochs=_count(meta.get("max_epochs")),
        images_per_step=_count(meta.get("effective_batch")),
        seed=_count(meta.get("seed")),
        ap=_share(meta.get("AP")),
        train=train,
        val=val,
        lineage=lineage_of(meta),
    )


def lineage_of(meta: Mapping[str, Any]) -> list[Ancestor]:
    """What the weights of a checkpoint were trained or imported from, newest first. meta: its `meta`."""
    origin = meta.get(ORIGIN)
    if not isinstance(origin, dict):
        return _ancestors(meta.get(LINEAGE))
    name, digest = next(reversed(_files(origin).items()), ("", ""))  # of an IR, the .bin: it holds the weights
    details = (name, _text(origin.get("form")), _published(origin), _calibration(origin))
    return [Ancestor(", ".join(each for each in details if each), digest)]


def imported_facts(meta: Mapping[str, Any]) -> dict[str, str]:
    """What a checkpoint says about its import, by names for people; empty if it was not imported. meta: its `meta`."""
    origin = meta.get(ORIGIN)
    if not isinstance(origin, dict) or not _files(origin):
        return {}
    files = ", ".join(f"{name} (sha256 {digest})" for name, digest in _files(origin).items())
    rows = {
        "version": _text(meta.get(VERSION)),
        "written": _date(meta.get("time")),
        "imported from": f"{_text(origin.get('form'))} {files}",
        "published": _published(origin),
        "calibration": _calibration(origin),
    }
    return {name: value for name, value in rows.items() if value}


def _files(origin: Mapping[str, Any]) -> dict[str, str]:
    files = origin.get("files")
    return {_text(name): _text(digest) for name, digest in files.items()} if isinstance(files, dict) else {}


def _published(origin: Mapping[str, Any]) -> str:
    name = _text(origin.get("published"))
    return f"published as {name}" if name else ""


def _calibration(origin: Mapping[str, Any]) -> str:
    if count := _count(origin.get("calibrated_on")):
        return f"batch normalization calibrated on {count} images"
    if frozen := _count(origin.get("frozen_norms")):
        return f"not calibrated: {frozen} batch normalization layers stay frozen in training"
    return ""


def _ancestors(values: Any) -> list[Ancestor]:
    listed = [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
    return [
        Ancestor(_text(each.get("weights")), _text(each.get("sha256")), _text_or_none(each.get("licence")))
        for each in listed
    ]


def _used(values: Any) -> UsedData | None:
    if not isinstance(values, dict):
        return None
    images, faces = (_count(values.get(name)) for name in ("images", "faces"))
    name, digest = _text(values.get("name")), _text(values.get("digest"))
    return UsedData(name, images, faces, digest, _text_or_none(values.get("licence")))


def _pair(values: Any) -> list[Any]:
    """Of the training and the validation dataset."""
    return values if isinstance(values, list) and len(values) == 2 else [None, None]


def _text(value: Any) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _text_or_none(value: Any) -> str | None:
    return _text(value) if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _share(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and 0 <= value <= 1 else None


def _date(value: Any) -> str:
    """`20261129_175412`, as checkpoints store it, as `2026-11-29 17:54:12`."""
    day, _, time = _text(value).partition("_")
    if len(day) != 8 or len(time) != 6 or not (day + time).isdigit():
        return ""
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"
