"""Do several forms of a detector compute the same? The same tensors in, detections matched, differences judged."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from data.errors import UserError
from data.image import find_images, read_image, to_tensor
from data.progress import Progress, silent
from data.structures import Detections
from export.interface import SHOW_ABOVE, Interface, interface_reasons
from export.levels import LevelDifference, Levels
from export.matching import match
from export.session import Session, open_session, to_detections
from weights.proof import EXACT, Distance

# Share of the faint boxes that may lack a partner. A model after a few epochs scores neighbours so alike that 2 %
# swapped between runtimes whose values before NMS were 1e-4 px apart.
FAINT_OFF = 0.05


@dataclass(frozen=True)
class Tolerance:
    """Largest difference allowed of a coordinate, in pixels of the input, and of a score.

    faint: up to this score a box may fall to a near tie in NMS; each one above must have its partner.
    """

    px: float
    score: float
    faint: float


# By the precision the weights are stored in; what is computed with is float32 in every case. Rounded weights decide
# more ties, so for them the boxes that are shown count.
TOLERANCES = {"f32": Tolerance(0.05, 1e-4, 0.05), "f16": Tolerance(0.5, 0.005, SHOW_ABOVE)}


@dataclass(frozen=True)
class Difference:
    """How the second model's detections differ from the first's, over all pictures.

    matched, only_first, only_second: boxes of any score. The largest and mean differences are those of the `judged`
    pairs, whose score is above the tolerance's `faint`. faint: boxes up to that score, in pairs or alone; faint_off:
    those among them without a partner within the tolerance.
    """

    matched: int
    only_first: int
    only_second: int
    highest_unmatched: float
    judged: int
    max_px: float
    mean_px: float
    max_score: float
    mean_score: float
    faint: int
    faint_off: int


@dataclass(frozen=True)
class Pair:
    """The reference against one other model. reasons: why they do not agree, empty if they do.

    levels: values before NMS, where the reference was named as such.
    """

    reference: str
    model: str
    kind: str
    weights: str
    precision: str
    tolerance: Tolerance
    difference: Difference
    reasons: list[str]
    levels: list[LevelDifference] = field(default_factory=list)
    default_precision: str = ""
    default_drift: Difference | None = None

    @property
    def agree(self) -> bool:
        return not self.reasons


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


def compare(reference: Session, other: Session, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Pair:
    """Judge the rows [n, 6] of each picture that `other` gave against those of the reference."""
    tolerance = TOLERANCES["f16" if "f16" in (reference.weights, other.weights) else "f32"]
    difference = measure(first, second, tolerance)
    threshold = other.threshold if reference.threshold is None else reference.threshold
    reasons = _judge(difference, tolerance)
    for name, rows in (("reference", first), (other.kind, second)):
        reasons += [f"{name}: {reason}" for reason in _malformed(rows, threshold, tolerance)]
    return Pair(
        reference=str(reference.path),
        model=str(other.path),
        kind=other.kind,
        weights=other.weights,
        precision=other.precision,
        tolerance=tolerance,
        difference=difference,
        reasons=reasons,
    )


def measure(first: Sequence[np.ndarray], second: Sequence[np.ndarray], allowed: Tolerance) -> Difference:
    """Match picture by picture and sum up; rows [n, 6] as sessions give them."""
    px, apart, score, lone = [], [], [], []
    only_first = only_second = 0
    for x, y in zip(first, second, strict=True):
        a, b = to_detections(x), to_detections(y)
        matched = match(a, b)
        i, j = matched.pairs.T
        px.append(np.abs(a.boxes[i] - b.boxes[j]))
        apart.append(np.abs(a.scores[i] - b.scores[j]))
        score.append(np.maximum(a.scores[i], b.scores[j]))
        lone += [a.scores[matched.only_first], b.scores[matched.only_second]]
        only_first += len(matched.only_first)
        only_second += len(matched.only_second)
    all_px, all_apart, all_score, all_lone = (np.concatenate(x) for x in (px, apart, score, lone))
    faint = all_score <= allowed.faint
    off = (all_px.max(axis=1, initial=0) > allowed.px) | (all_apart > allowed.score)
    return Difference(
        matched=len(all_score),
        only_first=only_first,
        only_second=only_second,
        highest_unmatched=float(all_lone.max(initial=0)),
        judged=int((~faint).sum()),
        max_px=float(all_px[~faint].max(initial=0)),
        mean_px=_mean(all_px[~faint]),
        max_score=float(all_apart[~faint].max(initial=0)),
        mean_score=_mean(all_apart[~faint]),
        faint=int(faint.sum() + (all_lone <= allowed.faint).sum()),
        faint_off=int((faint & off).sum() + (all_lone <= allowed.faint).sum()),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0


def _judge(d: Difference, allowed: Tolerance) -> list[str]:
    reasons = []
    if d.judged == 0:
        reasons.append(f"nothing detected by both above a score of {allowed.faint:g}: nothing is shown")
    if d.highest_unmatched > allowed.faint:
        reasons.append(f"a box of score {d.highest_unmatched:.3f} has no partner")
    if d.max_px > allowed.px:
        reasons.append(f"coordinates differ by {d.max_px:.3g} px")
    if d.max_score > allowed.score:
        reasons.append(f"scores differ by {d.max_score:.2g}")
    if d.faint_off > max(FAINT_OFF * d.faint, 2):  # a single near tie leaves one lone box on each side
        reasons.append(f"{d.faint_off} of {d.faint} boxes up to a score of {allowed.faint:g} lack a partner")
    return reasons


def _malformed(rows: Sequence[np.ndarray], threshold: float | None, allowed: Tolerance) -> list[str]:
    reasons = []
    if not all(np.isfinite(r).all() for r in rows):
        reasons.append("values that are not finite")
    if any((r[:, 5] != 0).any() for r in rows):
        reasons.append("labels other than 0, the face")
    if any((np.diff(r[:, 4]) > 0).any() for r in rows):
        reasons.append("rows are not sorted by falling score, zeros last")
    lowest = min((float(s.min()) for s in (to_detections(r).scores for r in rows) if len(s)), default=1.0)
    if threshold is not None and lowest < threshold - allowed.score:
        reasons.append(f"a score of {lowest:.4f} was kept, under the threshold of {threshold:g}")
    return reasons
