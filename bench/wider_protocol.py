"""WIDER FACE's protocol: our vectorised evaluator compared with a plain implementation in result and speed.

    python bench/wider_protocol.py GROUND_TRUTH PREDICTIONS.npz

GROUND_TRUTH: folder of the official .mat files, for example ../shared/golden/wider, which also contains a
predictions.npz. The plain implementation loops over images, detections and thresholds like the official evaluators. It
is written from the description of the protocol.
"""

import itertools
import sys
import time
from pathlib import Path

import numpy as np

from facedet.data.structures import Detections
from facedet.evaluation.metrics.wider import SETTINGS, WiderTruth, read_truth, wider_curves

_STEPS = 1000


def load(path: Path, truth: WiderTruth) -> list[Detections]:
    """Read the detections of each image from rows of image index, x, y, w, h, score."""
    rows = np.load(path)["detections"].astype(np.float64)
    ends = np.searchsorted(rows[:, 0], np.arange(len(truth.names) + 1))
    found = []
    for a, b in itertools.pairwise(ends):
        x, y, w, h, score = rows[a:b, 1:].T
        found.append(Detections(np.column_stack([x, y, x + w, y + h]), score))
    return found


def plain(truth: WiderTruth, detections: list[Detections], setting: str) -> float:
    """AP as in the official evaluation: loop over images, detections and a thousand thresholds."""
    every = np.concatenate([d.scores for d in detections])
    lowest, spread = every.min(), every.max() - every.min()
    sums, faces = np.zeros((_STEPS, 2)), 0
    for boxes, counts, found in zip(truth.boxes, truth.counts[setting], detections, strict=True):
        faces += int(counts.sum())
        if len(boxes) and len(found.scores):
            sums += count_matches(boxes, counts, found.boxes, (found.scores - lowest) / spread)
    precision = np.divide(sums[:, 1], sums[:, 0], out=np.zeros(_STEPS), where=sums[:, 0] > 0)
    recall = np.concatenate([[0], sums[:, 1] / faces, [1]])
    envelope = np.concatenate([[0], precision, [0]])
    for k in range(len(envelope) - 1, 0, -1):
        envelope[k - 1] = max(envelope[k - 1], envelope[k])
    return float(np.sum(np.diff(recall) * envelope[1:]))


def count_matches(boxes: np.ndarray, counts: np.ndarray, found: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Numbers of proposals and matched faces [1000, 2] of one image at each threshold."""
    taken, proposal, recalled = np.zeros(len(boxes)), np.ones(len(found), bool), np.zeros(len(found), int)
    for k, box in enumerate(found):
        overlap = np.array([iou(box, other) for other in boxes])
        best = overlap.argmax()
        if overlap[best] >= 0.5:
            if counts[best]:
                taken[best] = 1
            else:
                proposal[k] = False
        recalled[k] = int(taken.sum())
    info = np.zeros((_STEPS, 2))
    for t in range(_STEPS):
        above = np.where(scores >= 1 - (t + 1) / _STEPS)[0]
        if len(above):
            info[t] = proposal[: above[-1] + 1].sum(), recalled[above[-1]]
    return info


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two boxes that include both edges."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]) + 1, min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b))
    return width * height / (areas - width * height)


def main() -> None:
    truth = read_truth(Path(sys.argv[1]))
    detections = load(Path(sys.argv[2]), truth)
    started = time.perf_counter()
    ours = {name: curve.area for name, curve in wider_curves(truth, detections).items()}
    middle = time.perf_counter()
    theirs = {setting: plain(truth, detections, setting) for setting in SETTINGS}
    took = middle - started, time.perf_counter() - middle
    for setting in SETTINGS:
        print(f"{setting:6}  ours {ours[setting]:.9f}  plain {theirs[setting]:.9f}")
    print(f"ours {took[0]:.2f} s, plain {took[1]:.1f} s: speed-up {took[1] / took[0]:.0f}")


if __name__ == "__main__":
    main()
