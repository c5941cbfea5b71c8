"""The boxes of one picture, judged as a training would meet them."""

import numpy as np

from facedet.core.common.boxes import overlaps
from facedet.core.data.inspect.findings import Finding
from facedet.core.data.structures import Photo

NO_AREA = 1.0  # pixels: a narrower or lower box has no area, and a training leaves it out
SLACK = 0.5  # pixels that a box may stick out by rounding
LARGEST = 0.9  # of the picture's area
SMALLEST = 3.0  # pixels of the input: a narrower or lower box shows no face
SMALL = 8.0  # pixels of the input: narrower or lower faces are hardly found
SAME = 0.95  # IoU from which two boxes are one box written twice


def judge_boxes(photo: Photo, role: str, size: int) -> tuple[list[Finding], np.ndarray]:
    """Findings about the faces that count, and which boxes bool [n] are faces that a training can use.

    `photo` has the picture's true size; `size` is the side of the network's square input.
    """
    edges = np.array([photo.width, photo.height] * 2, np.float64)
    boxes = photo.boxes.astype(np.float64)
    counts = ~photo.ignored
    finite = np.isfinite(boxes).all(axis=1)
    known = np.where(finite[:, None], boxes, 0)
    clipped = known.clip(0, edges)
    empty = finite & (_sides(known).min(axis=1) < NO_AREA)
    outside = finite & ~empty & (_sides(clipped).min(axis=1) < NO_AREA)
    usable = counts & finite & ~empty & ~outside
    area = _sides(clipped).prod(axis=1) / (photo.width * photo.height)
    least = (_sides(clipped) * size / edges[:2]).min(axis=1)
    overhang = np.maximum(-known[:, :2], known[:, 2:] - edges[:2]).max(axis=1)
    faults = {
        "nan": (counts & ~finite, np.zeros(len(boxes))),
        "no-area": (counts & empty, np.zeros(len(boxes))),
        "outside": (counts & outside, overhang),
        "cut": (usable & (overhang > SLACK), overhang),
        "too-large": (usable & (area > LARGEST), area),
        "too-small": (usable & (least < SMALLEST), -least),
        "small": (usable & (least >= SMALLEST) & (least < SMALL), -least),
        "repeated": (_repeated(clipped, usable), np.zeros(len(boxes))),
    }
    found = [_finding(kind, role, photo, which, weight) for kind, (which, weight) in faults.items() if which.any()]
    return found, usable


def face_heights(photo: Photo, usable: np.ndarray, size: int) -> np.ndarray:
    """Heights of the usable faces in pixels of the square input, float64."""
    return np.diff(photo.boxes[usable][:, 1::2].astype(np.float64).clip(0, photo.height)).ravel() * size / photo.height


def _finding(kind: str, role: str, photo: Photo, which: np.ndarray, weight: np.ndarray) -> Finding:
    boxes = tuple(tuple(box) for box in photo.boxes[which].astype(float).tolist())
    shown = ", ".join("[" + " ".join(f"{v:g}" for v in np.round(box, 1)) + "]" for box in boxes[:3])
    more = f" and {len(boxes) - 3} more" if len(boxes) > 3 else ""
    detail = f"{shown}{more} in {photo.width}x{photo.height}"
    return Finding(kind, role, photo.path, detail, boxes, weight=float(weight[which].max()))


def _repeated(boxes: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Boxes that nearly equal an earlier one, bool [n]."""
    rows = np.flatnonzero(usable)
    same = overlaps(boxes[rows], boxes[rows]) >= SAME
    out = np.zeros(len(boxes), bool)
    out[rows] = np.tril(same, -1).any(axis=1)
    return out


def _sides(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, 2:] - boxes[:, :2]
