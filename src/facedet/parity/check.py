"""Check that several models compute the same: give all the same tensors, match and compare their detections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from facedet.common.errors import UserError
from facedet.common.progress import Progress, silent
from facedet.common.report_facts import ReportFacts, report_facts
from facedet.data.image import find_images, read_image, to_tensor
from facedet.data.reported import reported_images
from facedet.data.structures import Detections
from facedet.detector.stored_network import LARGEST, SMALLEST
from facedet.export.interface import Interface, interface_reasons
from facedet.inference.reported import reported_model
from facedet.inference.runtime import Runtime
from facedet.inference.session import Session, check_model, open_session, shown_above, to_detections
from facedet.parity.choices import only_nms_differs
from facedet.parity.levels import LevelComparison, LevelDifference
from facedet.parity.tolerances import LOW_SCORE_UNMATCHED_SHARE, ON_DEVICE, allowed_before_nms
from facedet.parity.verdict import Pair, compare, measure
from facedet.weights.ir.distance import Distance
from facedet.weights.operating_point import DEFAULT_THRESHOLD


@dataclass(frozen=True)
class Accuracy:
    """Figures of a model on annotated images, those of the reference beside them. They decide nothing.

    rows: name, the reference's, the model's, difference and its interval, each as text. verdict: about AP. note: how
    the figures were measured. values: all of it, for JSON.
    """

    model: str
    rows: list[tuple[str, str, str, str, str]]
    verdict: str
    note: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Parity:
    """The result of a check.

    names: the models, the reference first. runtimes: what each computed on. pairs: the reference compared with each
    other model. size: height and width of the input. detections[model][image]: boxes in its pixels. interfaces: of the
    models, empty without --reference. about: what was compared, and how. shown_above: the score above which the report
    shows boxes, of all models: that of the reference. It decides nothing. accuracy: of each other model, if it was
    measured.
    """

    names: list[str]
    runtimes: list[Runtime]
    images: list[Path]
    left_out: list[str]
    size: tuple[int, int]
    pairs: list[Pair]
    about: ReportFacts
    detections: list[list[Detections]] = field(repr=False)
    interfaces: list[Interface] = field(default_factory=list)
    shown_above: float = DEFAULT_THRESHOLD
    accuracy: list[Accuracy] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        return all(pair.agree for pair in self.pairs)

    def as_dict(self) -> dict:
        """The content of parity.json."""
        pairs = [
            {
                **asdict(pair),
                "unmatched": pair.difference.only_first + pair.difference.only_second,
                "verdict": "agrees" if pair.agree else "differs",
            }
            for pair in self.pairs
        ]
        return {
            "agree": self.agree,
            "models": self.names,
            "runtimes": [asdict(runtime) for runtime in self.runtimes],
            "images": [path.name for path in self.images],
            "left_out": self.left_out,
            "input_size": self.size,
            "shown_above": self.shown_above,
            "faint_off_share": LOW_SCORE_UNMATCHED_SHARE,
            "interfaces": [asdict(interface) for interface in self.interfaces],
            "pairs": pairs,
            "accuracy": [{"model": each.model, **each.values} for each in self.accuracy],
            "about": self.about.as_dict(),
        }


def check_parity(
    models: Sequence[str | Path],
    images: str | Path,
    *,
    reference: str | Path | None = None,
    progress: Progress = silent,
    config: str | Path | None = None,
    size: tuple[int, int] | None = None,
    device: str | None = None,
) -> Parity:
    """Compare every model with the first one on the images of a folder. Raises UserError.

    reference: compare every model with this file instead, usually the published IR; then interfaces and values before
    NMS are compared too. config: of the checkpoints, as for `load_network`. size: height and width
    of the input, if not those of the files. device: as for `open_session`; the models compute there in its default
    precision, and are compared with the reference in float32 on the CPU. Without a reference, this is the first model,
    and one model is compared with itself.
    """
    first = [reference] if reference else models[:1] if device and len(models) == 1 else []
    files = [Path(file) for file in (*first, *models)]
    if len(files) < 2:
        raise UserError("parity compares two or more models, the reference first; give another model or --reference")
    for file in files:
        check_model(file, config=config)
    if size and not all(SMALLEST <= side <= LARGEST for side in size):
        raise UserError(f"--size {size[0]}x{size[1]}: give {SMALLEST} to {LARGEST} pixels a side")
    for file in files[1:]:
        check_model(file, device=device)
    paths = find_images(Path(images))
    sessions = _open_sessions(files, config, size, device, progress)
    irs = [k for k, session in enumerate(sessions) if k > 0 and session.kind == "IR" and not device]
    default_sessions = {k: open_session(files[k], "default", size=size) for k in irs}
    levels = [LevelComparison(_strides(sessions), sessions[0].size) for _ in sessions[1:]] if reference else []
    outputs = _run(sessions, default_sessions, levels, progress(paths, "parity"))
    interfaces = [session.interface() for session in sessions] if reference else []
    pairs = []
    for k, session in enumerate(progress(sessions[1:], "compare"), 1):
        pair = _judge(sessions[0], session, outputs, k, device)
        if reference:
            pair = _with_levels(pair, levels[k - 1].differences(), interface_reasons(interfaces[0], interfaces[k]))
        if k in default_sessions:
            drift = measure(outputs.rows[0], outputs.default_rows[k], pair.tolerance)
            pair = replace(pair, default_precision=default_sessions[k].runtime.precision, default_drift=drift)
        pairs.append(pair)
    return Parity(
        names=[str(path) for path in files],
        runtimes=[session.runtime for session in sessions],
        images=outputs.images,
        left_out=outputs.left_out,
        size=sessions[0].size,
        pairs=pairs,
        about=report_facts(
            [reported_model(session) for session in sessions], [reported_images(Path(images), outputs.images)]
        ),
        detections=[[to_detections(rows) for rows in model_rows] for model_rows in outputs.rows],
        interfaces=interfaces,
        shown_above=shown_above(sessions[0]),
    )


def _judge(first: Session, other: Session, outputs: "_Outputs", k: int, device: str | None) -> Pair:
    rows = outputs.rows[0], outputs.rows[k]
    if device:
        return compare(first, other, *rows, tolerance=ON_DEVICE)
    pair = compare(first, other, *rows)
    if pair.agree or not only_nms_differs(
        [first, other], rows, lambda image: to_tensor(read_image(outputs.images[image]), first.size)
    ):
        return pair
    return compare(first, other, *rows, only_nms=True)


def _open_sessions(
    files: Sequence[Path],
    config: str | Path | None,
    size: tuple[int, int] | None,
    device: str | None,
    progress: Progress,
) -> list[Session]:
    """Open models of the same input size, the first on the CPU. Raises UserError."""
    places = [(None, None), *[("default" if device else None, device)] * (len(files) - 1)]
    first, *others = sessions = [
        open_session(path, precision, config, size, place)
        for path, (precision, place) in zip(progress(files, "open"), places, strict=True)
    ]
    for session in others:
        if session.size != first.size:
            sizes = "takes {}x{} pixels, {} takes {}x{}".format(*session.size, first.path, *first.size)
            raise UserError(f"{session.path}: {sizes}; give models of the same input size")
    return sessions


def _strides(sessions: Sequence[Session]) -> list[int]:
    for session in sessions:
        if session.strides:
            return session.strides
    raise UserError("--reference: no model states its levels; add a checkpoint of this project or an export of one")


@dataclass(frozen=True)
class _Outputs:
    """images: those that can be read. rows[model][image]; default_rows[model][image]: in the default precision."""

    images: list[Path]
    left_out: list[str]
    rows: list[list[np.ndarray]]
    default_rows: dict[int, list[np.ndarray]]


def _run(
    sessions: Sequence[Session],
    default_sessions: Mapping[int, Session],
    levels: Sequence[LevelComparison],
    paths: Iterable[Path],
) -> _Outputs:
    """Run every session on every image, and add the values before NMS to `levels` if there are any."""
    outputs = _Outputs([], [], [[] for _ in sessions], {k: [] for k in default_sessions})
    for path in paths:
        try:
            tensor = to_tensor(read_image(path), sessions[0].size)
        except UserError as error:
            outputs.left_out.append(str(error))
            continue
        outputs.images.append(path)
        for k, session in enumerate(sessions):
            outputs.rows[k].append(session.run(tensor))
        for k, session in default_sessions.items():
            outputs.default_rows[k].append(session.run(tensor))
        if levels:
            _add_levels(levels, sessions, tensor)
    if not outputs.images:
        raise UserError(outputs.left_out[0])
    return outputs


def _add_levels(levels: Sequence[LevelComparison], sessions: Sequence[Session], tensor: np.ndarray) -> None:
    first = sessions[0].dense(tensor)
    for level, session in zip(levels, sessions[1:], strict=True):
        try:
            level.add(first, session.dense(tensor))
        except ValueError as error:
            raise UserError(f"{session.path}: cannot be compared with {sessions[0].path}: {error}") from error


def _with_levels(pair: Pair, levels: list[LevelDifference], reasons: list[str]) -> Pair:
    """Add the differences before NMS to a pair, and the reasons that follow from them to `reasons`.

    Those of INT8 weights are shown, but not judged.
    """
    allowed = allowed_before_nms(pair.tolerance)
    for level in levels if pair.tolerance.share is None else []:
        found = Distance(level.max_px, level.max_score)
        if not found.within(allowed):
            reasons = [*reasons, f"before NMS, stride {level.stride}: differs by {found}, allowed {allowed}"]
    return replace(pair, levels=levels, reasons=[*pair.reasons, *reasons])
