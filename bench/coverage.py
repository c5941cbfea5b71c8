"""Do the 95 % intervals hold the truth 95 times out of 100? Many drawn validation sets, whose truth is known.

    python bench/coverage.py                     # bench/results/coverage.txt
    python bench/coverage.py --sets 100 --images 21

An image is one draw of a hard or easy scene: its faces are found, localised and scored alike, and its false alarms
depend on it. Two models see the same scenes. The truth is the figure of a set of 200,000 images. One process, one
thread.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedet.evaluation.metrics.bootstrap import resample_counts
from facedet.evaluation.metrics.coco import CocoMatch

_IOUS = np.linspace(0.5, 0.95, 10)[:, None]
_POPULATION = 200_000
_TABLES = Path(__file__).parent / "results" / "coverage.txt"
Images = list[tuple[CocoMatch, CocoMatch]]  # what both models detect


@dataclass(frozen=True)
class Sets:
    """How sets are drawn. most_alike: of so many images at most, near-duplicates of one scene."""

    name: str
    images: int
    most_alike: int
    counts: Callable[[list[list[int]], int, int], np.ndarray] = resample_counts


def deduplicated(groups: list[list[int]], resamples: int, seed: int) -> np.ndarray:
    """The trap: a resample that holds each drawn image once."""
    return np.minimum(resample_counts(groups, resamples, seed), 1)


def single(groups: list[list[int]], resamples: int, seed: int) -> np.ndarray:
    """The other trap: near-duplicates drawn one by one."""
    return resample_counts([[k] for group in groups for k in group], resamples, seed)


def draw_scene(random: np.random.Generator, alike: int) -> Images:
    """Images of a scene, near-duplicates of each other: the same faces, found almost alike."""
    hard, crowd = random.normal(), random.random() < 0.15
    faces = int(random.geometric(1 / 12) if crowd else random.geometric(1 / 2))
    hardness = hard + crowd * 0.7 + random.normal(0, 0.7, faces)
    return [tuple(_detect(random, hardness, hard, skill) for skill in (0.0, 0.15)) for _ in range(alike)]  # type: ignore[misc]


def _detect(random: np.random.Generator, hardness: np.ndarray, hard: float, skill: float) -> CocoMatch:
    """Detections of a model in an image with these faces. skill: of the model."""
    ease = 1.5 + skill - hardness + random.normal(0, 0.2, len(hardness))
    found = random.random(len(ease)) < 1 / (1 + np.exp(-1.5 * ease))
    iou = 0.97 - 0.4 / (1 + np.exp(ease[found] + random.normal(0, 0.5, found.sum())))
    alarms = random.poisson(np.exp(0.8 * hard + 0.5))
    scores = np.concatenate([ease[found] + random.normal(0, 0.7, found.sum()), random.normal(-1.2, 1.0, alarms)])
    right = np.hstack([iou >= _IOUS, np.zeros((len(_IOUS), alarms), bool)])
    order = np.argsort(-scores)
    outcome = np.zeros((4, len(_IOUS), len(scores)), np.int8)
    outcome[0] = np.where(right, 1, -1)[:, order]  # faces of all sizes only
    return CocoMatch(scores[order], outcome, np.array([len(hardness), 0, 0, 0]))


def draw_set(random: np.random.Generator, images: int, most_alike: int) -> tuple[Images, list[list[int]]]:
    """A validation set and its groups of near-duplicates."""
    drawn: Images = []
    groups = []
    while len(drawn) < images:
        alike = min(int(random.integers(1, most_alike + 1)), images - len(drawn))
        groups.append(list(range(len(drawn), len(drawn) + alike)))
        drawn += draw_scene(random, alike)
    return drawn, groups
