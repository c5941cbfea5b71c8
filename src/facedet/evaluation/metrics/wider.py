"""WIDER FACE's official evaluation: easy, medium and hard, with the official ground truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from facedet.common.boxes import overlaps
from facedet.common.errors import UserError, first_line
from facedet.data.structures import Detections
from facedet.evaluation.metrics.curve import Curve, ratio

SETTINGS = ("easy", "medium", "hard")
_IOU = 0.5
THRESHOLDS = 1 - np.arange(1, 1001) / 1000


@dataclass(frozen=True)
class WiderTruth:
    """The official ground truth of WIDER FACE val.

    names: `event/file` of each image without suffix, in the official order. boxes[image]: float64 [n, 4] x1 y1 x2 y2 in
    pixels. counts[setting][image]: bool [n], true for faces that count in this setting; the others are ignored.
    """

    names: list[str]
    boxes: list[np.ndarray]
    counts: dict[str, list[np.ndarray]]


def read_truth(folder: Path) -> WiderTruth:
    """Read the four official .mat files from `folder`. Raises UserError."""
    try:
        return _read_truth(folder)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise UserError(f"{folder}: its .mat files are not WIDER FACE's ground truth ({first_line(error)})") from error


def _read_truth(folder: Path) -> WiderTruth:
    faces = _load(folder / "wider_face_val.mat", "face_bbx_list")
    names, boxes = [], []
    for event, files, listed in zip(faces["event_list"], faces["file_list"], faces["face_bbx_list"], strict=True):
        for file, annotated in zip(files[0], listed[0], strict=True):
            names.append(f"{event[0][0]}/{file[0][0]}")
            x, y, w, h = annotated[0].reshape(-1, 4).astype(np.float64).T
            boxes.append(np.column_stack([x, y, x + w, y + h]))
    counts = {}
    for setting in SETTINGS:
        path = folder / f"wider_{setting}_val.mat"
        content = _load(path, "gt_list")
        listed = [numbers.ravel() for event in content["gt_list"] for numbers in event[0].ravel()]
        files = [file[0][0] for event in content["file_list"] for file in event[0]]
        if len(listed) != len(names) or files != [name.split("/", 1)[1] for name in names]:
            raise UserError(f"{path}: lists other images than wider_face_val.mat; use the four official .mat files")
        counts[setting] = [np.isin(np.arange(1, len(b) + 1), k) for b, k in zip(boxes, listed, strict=True)]
    return WiderTruth(names, boxes, counts)


def wider_curves(truth: WiderTruth, detections: Sequence[Detections]) -> dict[str, Curve]:
    """Curve of each setting, whose `area` is the official AP. detections: one for each name of `truth`.

    Scores are normalised over the whole dataset. Boxes include both edges: width is x2 - x1 + 1. A detection matches
    the face with the highest IoU if that is at least 0.5. The first match of a face is a true positive, a later one a
    false positive, and a match of an ignored face is not counted. Images without faces are left out.
    """
    hits, proposals = ({name: np.zeros(len(THRESHOLDS), int) for name in SETTINGS} for _ in range(2))
    for name, _, right, counted in reached_thresholds(truth, detections):
        hits[name] += _count(right)
        proposals[name] += _count(counted)
    faces = {name: sum(int(counts.sum()) for counts in truth.counts[name]) for name in SETTINGS}
    return {name: _curve(hits[name], proposals[name], faces[name]) for name in SETTINGS}


def reached_thresholds(
    truth: WiderTruth, detections: Sequence[Detections]
) -> Iterator[tuple[str, int, np.ndarray, np.ndarray]]:
    """Match each image once: yields the setting, the image's index, and for its right detections and for all that are
    counted, the index of the first of THRESHOLDS that each reaches; beyond the last if none."""
    scored = [found.scores for found in detections if len(found.scores)]
    lowest = min((float(scores.min()) for scores in scored), default=0.0)
    span = max((float(scores.max()) for scores in scored), default=0.0) - lowest
    for k, found in enumerate(detections):
        if not len(found.scores) or not len(truth.boxes[k]):
            continue
        order = np.argsort(-found.scores, kind="stable")
        scores = found.scores[order].astype(np.float64)
        reached = np.searchsorted(-THRESHOLDS, (lowest - scores) / span if span else -scores)
        face, first = _match(found.boxes[order].astype(np.float64), truth.boxes[k])
        for name in SETTINGS:
            counted = (face >= 0) & truth.counts[name][k][face]
            yield name, k, reached[first & counted], reached[counted | (face < 0)]


def _match(found: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For detections [k, 4] in descending order of score: the face of each, or -1, and whether it is its first."""
    iou = overlaps(found, faces, extra=1)
    face = np.where(iou.max(axis=1) >= _IOU, iou.argmax(axis=1), -1)
    first = np.zeros(len(found), bool)
    first[np.unique(face, return_index=True)[1]] = True
    return face, first


def _count(reached: np.ndarray) -> np.ndarray:
    """How many detections reach each threshold first."""
    return np.bincount(reached, minlength=len(THRESHOLDS))[: len(THRESHOLDS)]


def _curve(hits: np.ndarray, proposals: np.ndarray, faces: int) -> Curve:
    hits, proposals = hits.cumsum(), proposals.cumsum()
    return Curve(ratio(hits, faces), ratio(hits, proposals))


def _load(path: Path, key: str) -> dict:
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder; the official ground truth has four .mat files")
    try:
        content = loadmat(path)
    except Exception as error:  # scipy raises many error types for a damaged file
        raise UserError(f"{path}: not a .mat file ({first_line(error)})") from error
    if key not in content:
        raise UserError(f"{path}: contains no {key}; give the official file")
    return content
