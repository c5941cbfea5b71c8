"""Do the intervals of a threshold that was chosen on the same images hold the true rates? By simulation.

    python bench/threshold_coverage.py 200 21 60 200

The first number is that of simulated sets, the others are images of a set. A made-up detector finds 95 % of the faces,
and its scores for faces and for false alarms overlap; images differ in their number of faces and in how many false
alarms have a high score. In each set, a threshold is chosen for a target, and its true rates are those in 50,000 other
images. Writes bench/results/threshold_coverage.txt.
"""

import sys
from pathlib import Path

import numpy as np

from facedet.evaluation.metrics.curve import Matched
from facedet.evaluation.metrics.operating import BEST_F1, Rates, Target, counts_at, rates
from facedet.evaluation.metrics.rate_intervals import NAMES
from facedet.evaluation.thresholds import measure_thresholds
from facedet.text.columns import columns

_TARGETS = (BEST_F1, Target(min_precision=0.95), Target(max_false_alarms=0.1))
_TRUTH, _FALSE_ALARMS = 50_000, 10


def drawn_set(images: int, seed: int) -> tuple[list[Matched], np.ndarray]:
    """What a detector finds in so many images, and the number of faces of each."""
    rng = np.random.default_rng(seed)
    faces = rng.poisson(3 * rng.gamma(2, 0.5, images))
    return [_drawn_image(int(count), rng) for count in faces], faces


def _drawn_image(faces: int, rng: np.random.Generator) -> Matched:
    found, difficulty = int((rng.random(faces) < 0.95).sum()), rng.normal(0, 0.6)
    right = np.arange(found + _FALSE_ALARMS) < found
    logits = rng.normal(np.where(right, 1.2 + 0.4 * difficulty, -1.5 + difficulty), 1)
    order = np.argsort(-logits)
    return Matched(1 / (1 + np.exp(-logits[order])), right[order], ~right[order])


def _joined(images: list[Matched]) -> Matched:
    """The detections of all images, as if in one."""
    parts = (np.concatenate([getattr(each, name) for each in images]) for name in ("scores", "right", "wrong"))
    scores, right, wrong = parts
    order = np.argsort(-scores)
    return Matched(scores[order], right[order], wrong[order])


def main(sets: int, sizes: list[int]) -> None:
    others, faces = drawn_set(_TRUTH, seed=10**6)
    everything, total = _joined(others), int(faces.sum())

    def true_rates(threshold: float) -> Rates:
        right, wrong = counts_at([everything], np.array([threshold])).sum(axis=(0, 2), dtype=float)
        return rates(right, wrong, total, _TRUTH)

    rows = [("images", "threshold", "sets", *(f"{name} held" for name in NAMES))]
    for size in sizes:
        for target in _TARGETS:
            held = []
            for seed in range(sets):
                if row := measure_thresholds(*drawn_set(size, seed), target=target).found:
                    true, limits = true_rates(row.threshold), [row.intervals[name] or (1, 0) for name in NAMES]
                    held.append([low <= getattr(true, n) <= high for n, (low, high) in zip(NAMES, limits, strict=True)])
            shares = (f"{100 * share:.1f} %" for share in np.mean(held, axis=0))
            rows.append((str(size), str(target), str(len(held)), *shares))
            print(columns(rows[:1] + rows[-1:]), flush=True)
            text = f"95 % intervals of thresholds that were chosen on the same images\n\n{columns(rows)}\n"
            (Path(__file__).parent / "results" / "threshold_coverage.txt").write_text(text)


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(each) for each in sys.argv[2:]])
