"""Do several forms of a detector compute the same? The same tensors in, detections matched, differences judged."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from data.errors import UserError
from data.image import find_images, read_image
from data.structures import Detections
from export.matching import match
from export.session import Session, open_session, to_detections, to_tensor

FAINT = 0.05  # up to this score a box may fall to a near tie in NMS: each bigger one must have its partner
FAINT_OFF = 0.01  # share of the faint boxes that may lack one


@dataclass(frozen=True)
class Tolerance:
    """Largest difference allowed of a coordinate, in pixels of the input, and of a score."""

    px: float
    score: float


# By the precision the weights are stored in; what is computed with is float32 in every case.
TOLERANCES = {"f32": Tolerance(0.05, 1e-4), "f16": Tolerance(0.5, 0.005)}


@dataclass(frozen=True)
class Difference:
    """How the second model's detections differ from the first's, over all pictures.

    matched, only_first, only_second: boxes of any score. The largest and mean differences are those of the `judged`
    pairs, whose score is above FAINT. faint: boxes up to that score, in pairs or alone; faint_off: those among them
    without a partner within the tolerance.
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
    """The reference against one other model. reasons: why they do not agree, empty if they do."""

    reference: str
    model: str
    kind: str
    weights: str
    precision: str
    tolerance: Tolerance
    difference: Difference
    reasons: list[str]
    default_precision: str
    default_drift: Difference | None

    @property
    def agree(self) -> bool:
        return not self.reasons


@dataclass(frozen=True)
class Parity:
    """names: the models, the reference first. detections[model][picture], in pixels of the square input of `size`."""

    names: list[str]
    images: list[Path]
    size: int
    pairs: list[Pair]
    detections: list[list[Detections]] = field(repr=False)

    @property
    def agree(self) -> bool:
        return all(pair.agree for pair in self.pairs)

    def as_dict(self) -> dict:
        """Plain values for parity.json."""
        pairs = [{**asdict(pair), "agree": pair.agree} for pair in self.pairs]
        return {
            "agree": self.agree,
            "models": self.names,
            "images": [path.name for path in self.images],
            "input_size": self.size,
            "faint_up_to": FAINT,
            "faint_off_share": FAINT_OFF,
            "pairs": pairs,
        }


Progress = Callable[[Iterable, str], Iterable]


def check_parity(models: Sequence[Path], images: Path, progress: Progress = lambda items, _: items) -> Parity:
    """Hold every model to the first one on the pictures of a folder. Raises UserError.

    progress: wraps an iterable and its description, to show how far it is.
    """
    if len(models) < 2:
        raise UserError("parity needs two models or more, the one to be held to first")
    paths = find_images(images)
    sessions = [open_session(path) for path in models]
    size = sessions[0].size
    for session in sessions[1:]:
        if session.size != size:
            raise UserError(f"{session.path}: takes {session.size}x{session.size}, {models[0]} takes {size}x{size}")
    tensors = [to_tensor(read_image(path), size) for path in paths]
    rows = [[s.rows(t) for t in progress(tensors, _label(s))] for s in sessions]
    pairs = []
    for session, theirs in zip(sessions[1:], rows[1:], strict=True):
        default, drift = _drift(session, tensors, rows[0], progress)
        pairs.append(compare(sessions[0], session, rows[0], theirs, default, drift))
    found = [[to_detections(r) for r in each] for each in rows]
    return Parity([str(path) for path in models], paths, size, pairs, found)


def compare(
    reference: Session,
    other: Session,
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    default_precision: str = "",
    drift: Difference | None = None,
) -> Pair:
    """Judge the rows [n, 5] of each picture that `other` gave against those of the reference."""
    tolerance = _tolerance(reference, other)
    difference = measure(first, second, tolerance)
    return Pair(
        str(reference.path),
        str(other.path),
        other.kind,
        other.weights,
        other.precision,
        tolerance,
        difference,
        _judge(difference, tolerance, reference.threshold, second),
        default_precision,
        drift,
    )


def measure(first: Sequence[np.ndarray], second: Sequence[np.ndarray], allowed: Tolerance) -> Difference:
    """Match picture by picture and sum up; rows [n, 5] as models give them."""
    px, apart, score, lone = [], [], [], []
    only_first = only_second = 0
    for a, b in ((to_detections(x), to_detections(y)) for x, y in zip(first, second, strict=True)):
        matched = match(a, b)
        i, j = matched.pairs.T
        px.append(np.abs(a.boxes[i] - b.boxes[j]))
        apart.append(np.abs(a.scores[i] - b.scores[j]))
        score.append(np.maximum(a.scores[i], b.scores[j]))
        lone += [a.scores[matched.only_first], b.scores[matched.only_second]]
        only_first += len(matched.only_first)
        only_second += len(matched.only_second)
    all_px, all_apart, all_score, all_lone = (np.concatenate(x) for x in (px, apart, score, lone))
    faint = all_score <= FAINT
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
        faint=int(faint.sum() + (all_lone <= FAINT).sum()),
        faint_off=int((faint & off).sum() + (all_lone <= FAINT).sum()),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else 0.0


def _tolerance(*sessions: Session) -> Tolerance:
    return TOLERANCES["f16" if any(session.weights == "f16" for session in sessions) else "f32"]


def _judge(d: Difference, allowed: Tolerance, threshold: float | None, rows: Sequence[np.ndarray]) -> list[str]:
    scores = [to_detections(r).scores for r in rows]
    reasons = []
    if not all(np.isfinite(r).all() for r in rows):
        reasons.append("values that are not finite")
    if d.judged == 0:
        reasons.append(f"nothing detected by both above a score of {FAINT}: nothing is shown")
    if d.highest_unmatched > FAINT:
        reasons.append(f"a box of score {d.highest_unmatched:.3f} has no partner")
    if d.max_px > allowed.px:
        reasons.append(f"coordinates differ by {d.max_px:.3g} px")
    if d.max_score > allowed.score:
        reasons.append(f"scores differ by {d.max_score:.2g}")
    if d.faint_off > max(FAINT_OFF * d.faint, 2):  # a single near tie leaves one lone box on each side
        reasons.append(
            f"{d.faint_off} of {d.faint} boxes up to a score of {FAINT} lack a partner within the tolerance"
        )
    if threshold is not None and any((s < threshold - allowed.score).any() for s in scores):
        lowest = min(float(s.min(initial=1)) for s in scores)
        reasons.append(f"a score of {lowest:.4f} was kept, under the threshold of {threshold:g}")
    if any((np.diff(s) > 0).any() for s in scores):
        reasons.append("rows are not sorted by falling score")
    return reasons


def _drift(
    session: Session, tensors: Sequence[np.ndarray], first: Sequence[np.ndarray], progress: Progress
) -> tuple[str, Difference | None]:
    if session.kind != "IR":
        return session.precision, None
    usual = open_session(session.path, "default")
    rows = [usual.rows(t) for t in progress(tensors, f"{_label(session)}, default precision")]
    return usual.precision, measure(first, rows, _tolerance(session))


def _label(session: Session) -> str:
    return f"{session.path.name} ({session.kind})"
