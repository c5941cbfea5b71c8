"""WIDER FACE's official evaluation: easy, medium and hard, with the official ground truth."""

from collections.abc import Sequence
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
_THRESHOLDS = 1 - np.arange(1, 1001) / 1000


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
    kept = [k for k, d in enumerate(detections) if len(d.scores) and len(truth.boxes[k])]
    scores, best, image = [], [], []
    for k in kept:
        order = np.argsort(-detections[k].scores, kind="stable")
        found = detections[k].boxes[order].astype(np.float64)
        iou = overlaps(found, truth.boxes[k], extra=1)
        nearest = iou.argmax(axis=1)
        hit = iou[np.arange(len(found)), nearest] >= _IOU
        best.append(np.where(hit, nearest, -1))
        scores.append(detections[k].scores[order].astype(np.float64))
        image.append(np.full(len(found), k))
    every = np.concatenate([d.scores for d in detections] or [np.zeros(0)]).astype(np.float64)
    if not kept or every.max() == every.min():
        normalised = np.concatenate([np.zeros(0), *scores])
    else:
        normalised = (np.concatenate(scores) - every.min()) / (every.max() - every.min())
    faces, images = (np.concatenate([np.zeros(0, int), *parts]) for parts in (best, image))
    return {name: _curve(truth.counts[name], faces, images, normalised) for name in SETTINGS}


def _curve(counts: list[np.ndarray], faces: np.ndarray, images: np.ndarray, scores: np.ndarray) -> Curve:
    offsets = np.cumsum([0, *map(len, counts)])
    counting = np.concatenate([np.zeros(0, bool), *counts])
    face = np.where(faces >= 0, offsets[images] + faces, -1)  # index into the faces of all images
    counted = (face >= 0) & counting[face] if len(counting) else np.zeros(len(face), bool)
    first = np.zeros(len(face), bool)
    first[np.unique(face, return_index=True)[1]] = True  # detections of one image are in descending order of score
    right, proposed = first & counted, counted | (face < 0)
    order = np.argsort(-scores, kind="stable")
    below = np.searchsorted(-scores[order], -_THRESHOLDS, side="right")
    hits, proposals = (np.concatenate([[0], np.cumsum(flags[order])])[below] for flags in (right, proposed))
    return Curve(ratio(hits, int(counting.sum())), ratio(hits, proposals), _THRESHOLDS)


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
