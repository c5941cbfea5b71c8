"""Find problems in the boxes of one image."""

import numpy as np

from facedet.data.dataset import MIN_SIDE, valid_boxes
from facedet.data.inspect.findings import Finding
from facedet.data.inspect.pairs import close_pairs
from facedet.data.structures import Photo

ROUNDING = 0.5  # pixels of the image by which rounding may move a box outside
MAX_AREA = 0.9  # share of the image's area: a larger box is unlikely to be a face
MIN_FACE = 3.0  # pixels of the input: a narrower or lower box shows no face
SMALL_FACE = 8.0  # pixels of the input: narrower or lower faces are hard to detect
SAME_BOX_IOU = 0.95  # two boxes with this IoU or more are one box annotated twice
_REACH = 0.051  # of the width: left sides of two such boxes are at most 1 - IoU of it apart


def check_boxes(photo: Photo, role: str, size: int) -> tuple[list[Finding], np.ndarray]:
    """Return findings about the boxes that are not ignored, and bool [n]: the boxes that training can use.

    `photo` has the true size of the image. `size` is the network's input size in pixels.
    """
    limits = np.array([photo.width, photo.height] * 2, np.float64)
    boxes = photo.boxes.astype(np.float64)
    counted = ~photo.ignored
    finite = valid_boxes(boxes)
    known = np.where(finite[:, None], boxes, 0)
    clipped = known.clip(0, limits)
    empty = finite & (_sides(known).min(axis=1) < MIN_SIDE)
    outside = finite & ~empty & (_sides(clipped).min(axis=1) < MIN_SIDE)
    usable = counted & finite & ~empty & ~outside
    area = _sides(clipped).prod(axis=1) / (photo.width * photo.height)
    short_side = (_sides(clipped) * size / limits[:2]).min(axis=1)
    overhang = np.maximum(-known[:, :2], known[:, 2:] - limits[:2]).max(axis=1)
    problems = {
        "nan": (counted & ~finite, np.zeros(len(boxes))),
        "no-area": (counted & empty, np.zeros(len(boxes))),
        "outside": (counted & outside, overhang),
        "cut": (usable & (overhang > ROUNDING), overhang),
        "too-large": (usable & (area > MAX_AREA), area),
        "too-small": (usable & (short_side < MIN_FACE), -short_side),
        "small": (usable & (short_side >= MIN_FACE) & (short_side < SMALL_FACE), -short_side),
        "repeated": (_repeated(clipped, usable), np.zeros(len(boxes))),
    }
    findings = [_finding(kind, role, photo, rows, weight) for kind, (rows, weight) in problems.items() if rows.any()]
    return findings, usable


def face_heights(photo: Photo, usable: np.ndarray, size: int) -> np.ndarray:
    """Heights of the usable faces in pixels of the input, float64."""
    return np.diff(photo.boxes[usable][:, 1::2].astype(np.float64).clip(0, photo.height)).ravel() * size / photo.height


def _finding(kind: str, role: str, photo: Photo, rows: np.ndarray, weight: np.ndarray) -> Finding:
    boxes = tuple(tuple(box) for box in photo.boxes[rows].astype(float).tolist())
    shown = ", ".join("[" + " ".join(f"{round(v, 1):g}" for v in box) + "]" for box in boxes[:3])
    more = f" and {len(boxes) - 3} more" if len(boxes) > 3 else ""
    detail = f"{shown}{more} in {photo.width}x{photo.height}"
    return Finding(kind, role, photo.path, detail, boxes, weight=float(weight[rows].max()))


def _repeated(boxes: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Boxes that nearly equal an earlier one, bool [n]."""
    rows = np.flatnonzero(usable)
    out = usable.copy()
    out[rows[np.unique(boxes[rows], axis=0, return_index=True)[1]]] = False  # the rest equal an earlier one exactly
    rows = np.flatnonzero(usable & ~out)
    rows = rows[np.argsort(boxes[rows, 0])]
    reach = _REACH * _sides(boxes[rows])[:, 0]
    for first, second in close_pairs(boxes[rows, 0], reach):
        pair = np.stack([rows[first], rows[second]])
        pair = pair[:, ~out[pair.max(axis=0)]]
        out[pair.max(axis=0)[_iou(*boxes[pair]) >= SAME_BOX_IOU]] = True
    return out


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each box of a [n, 4] with the same one of b [n, 4], all with an area: [n]."""
    shared = (np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])).clip(0).prod(axis=1)
    return shared / (_sides(a).prod(axis=1) + _sides(b).prod(axis=1) - shared)


def _sides(boxes: np.ndarray) -> np.ndarray:
    """Width and height [n, 2]."""
    return boxes[:, 2:] - boxes[:, :2]
