"""Do several forms of a detector compute the same? The same tensors in, detections matched, differences judged."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.progress import Progress, silent
from facedet.core.data.image import find_images, read_image, to_tensor
from facedet.core.data.structures import Detections
from facedet.core.export.interface import Interface
from facedet.core.inference.session import Session, open_session, to_detections
from facedet.core.parity.interface import interface_reasons
from facedet.core.parity.levels import LevelDifference, Levels
from facedet.core.parity.tolerances import FAINT_OFF, TOLERANCES
from facedet.core.parity.verdict import Pair, compare, measure
from facedet.core.weights.ir.proof import EXACT, Distance


@dataclass(frozen=True)
class Parity:
    """names: the models, the reference first. detections[model][picture], in pixels of the square input of `size`.

    interfaces: of the models, where the reference was named as such.
    """

    names: list[str]
    images: list[Path]
    left_out: list[str]
    size: int
    pairs: list[Pair]
    detections: list[list[Detections]] = field(repr=False)
    interfaces: list[Interface] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        return all(pair.agree for pair in self.pairs)

    def as_dict(self) -> dict:
        """Plain values for parity.json."""
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
            "images": [path.name for path in self.images],
            "left_out": self.left_out,
            "input_size": self.size,
            "faint_off_share": FAINT_OFF,
            "interfaces": [asdict(each) for each in self.interfaces],
            "pairs": pairs,
        }


def check_parity(
    models: Sequence[Path], images: Path, progress: Progress = silent, reference: Path | None = None
) -> Parity:
    """Hold every model to the first one on the pictures of a folder. Raises UserError.

    reference: a file to hold them all to instead, usually the published IR; then interfaces and the values before NMS
    are compared too.
    """
    files = [reference, *models] if reference else list(models)
    if len(files) < 2:
        raise UserError("parity needs two models or more, the one to be held to first, or --reference")
    paths = find_images(images)
    sessions = [open_session(path) for path in files]
    size = sessions[0].size
    for session in sessions[1:]:
        if session.size != size:
            raise UserError(f"{session.path}: takes {session.size}x{session.size}, {files[0]} takes {size}x{size}")
    usual = {k: open_session(s.path, "default") for k, s in enumerate(sessions) if k > 0 and s.kind == "IR"}
    levels = [Levels(_strides(sessions), size) for _ in sessions[1:]] if reference else []
    rows: list[list[np.ndarray]] = [[] for _ in [*sessions, *usual]]
    read, left_out = [], []
    for path in progress(paths, "parity"):
        try:
            tensor = to_tensor(read_image(path), size)
        except UserError as error:
            left_out.append(str(error))
            continue
        read.append(path)
        for each, run in zip(rows, [*sessions, *usual.values()], strict=True):
            each.append(run.rows(tensor))
        if reference:
            _add_levels(levels, sessions, tensor)
    if not read:
        raise UserError(left_out[0])
    interfaces = [session.interface() for session in sessions] if reference else []
    pairs = []
    for k, session in enumerate(sessions[1:], 1):
        pair = compare(sessions[0], session, rows[0], rows[k])
        if reference:
            pair = _with_levels(pair, levels[k - 1].differences(), interface_reasons(interfaces[0], interfaces[k]))
        if k in usual:
            drift = measure(rows[0], rows[len(sessions) + list(usual).index(k)], pair.tolerance)
            pair = replace(pair, default_precision=usual[k].precision, default_drift=drift)
        pairs.append(pair)
    found = [[to_detections(r) for r in each] for each in rows[: len(sessions)]]
    return Parity([str(path) for path in files], read, left_out, size, pairs, found, interfaces)


def _add_levels(levels: Sequence[Levels], sessions: Sequence[Session], tensor: np.ndarray) -> None:
    first = sessions[0].dense(tensor)
    for level, session in zip(levels, sessions[1:], strict=True):
        try:
            level.add(first, session.dense(tensor))
        except ValueError as error:
            raise UserError(f"{session.path}: cannot be held to {sessions[0].path}: {error}") from error


def _strides(sessions: Sequence[Session]) -> list[int]:
    for session in sessions:
        if session.strides:
            return session.strides
    raise UserError("--reference needs a checkpoint of this project, or an export of one, to know the levels")


def _with_levels(pair: Pair, levels: list[LevelDifference], reasons: list[str]) -> Pair:
    """The pair with what was found before NMS, and with the reasons that gives."""
    allowed = EXACT if pair.tolerance == TOLERANCES["f32"] else Distance(pair.tolerance.px, pair.tolerance.score)
    for level in levels:
        found = Distance(level.max_px, level.max_score)
        if not found.within(allowed):
            reasons = [*reasons, f"before NMS, stride {level.stride}: {found} apart, allowed {allowed}"]
    return replace(pair, levels=levels, reasons=[*pair.reasons, *reasons])
