"""Do 95 % intervals hold the truth 95 times out of 100? Many drawn validation sets, whose truth is known.

    python bench/interval_coverage.py               # about 10 minutes, one thread; bench/results/interval_coverage.txt
    python bench/interval_coverage.py --sets 50     # a trial; writes nothing

A population of 20,000 scenes is drawn, with a truth of its own; each set is drawn from it. In a scene all faces are
hard or easy together, and so are the chances of false alarms; few scenes are crowds. Two models see the same scenes.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from facedet.common.files import write_text
from facedet.evaluation import draws as room
from facedet.evaluation.draws import Draws, Interval
from facedet.evaluation.metrics.curve import Matched, curve_of
from facedet.evaluation.metrics.resampled import curve_figures, in_resamples

_SCENES, _MOST_ALIKE = 20_000, 5
_TABLE = Path(__file__).parent / "results" / "interval_coverage.txt"


@dataclass(frozen=True)
class Image:
    """An image's faces, and what each model detects in it."""

    faces: int
    found: tuple[Matched, Matched]


@dataclass(frozen=True)
class Deduplicated(Draws):
    """The first trap: a resample holds each image once that was drawn once or more often."""

    def __iter__(self) -> Iterator[np.ndarray]:
        return (np.minimum(counts, 1) for counts in super().__iter__())


@dataclass(frozen=True)
class Row:
    """A row of the table. images: of a set. alike: whether most scenes have several near-duplicates. draws: how they
    are resampled, of groups of near-duplicates."""

    title: str
    images: int
    alike: bool
    draws: Callable[[list[list[int]], int], Draws]


def together(groups: list[list[int]], resamples: int) -> Draws:
    return Draws(groups, sum(map(len, groups)), resamples)


def one_by_one(groups: list[list[int]], resamples: int) -> Draws:
    """The second trap: near-duplicates are drawn as if they were different."""
    return together([[k] for group in groups for k in group], resamples)


def deduplicated(groups: list[list[int]], resamples: int) -> Draws:
    return Deduplicated(groups, sum(map(len, groups)), resamples)


ROWS = [
    Row("200 images", 200, False, together),
    Row("200 images, each resample deduplicated", 200, False, deduplicated),
    Row("200 images with near-duplicates", 200, True, together),
    Row("200 images with near-duplicates, drawn one by one", 200, True, one_by_one),
    Row("50 images", 50, False, together),
    Row("21 images", 21, False, together),
    Row("10 images", 10, False, together),
    Row("5 images", 5, False, together),
]


def draw_scene(random: np.random.Generator, images: int) -> list[Image]:
    """Near-duplicates of a scene: the same faces, found almost alike."""
    hard, crowd = random.normal(0, 0.8), random.random() < 0.1
    faces = int(random.geometric(1 / 8 if crowd else 1 / 2))
    hardness = hard + 0.5 * crowd + random.normal(0, 0.8, faces)
    return [
        Image(faces, (_detect(random, hardness, hard, 0.0), _detect(random, hardness, hard, 0.15)))
        for _ in range(images)
    ]


def _detect(random: np.random.Generator, hardness: np.ndarray, hard: float, skill: float) -> Matched:
    """What a model detects. skill: how much easier every face is for it."""
    ease = 1.5 + skill - hardness + random.normal(0, 0.2, len(hardness))
    hits = ease[random.random(len(ease)) < 1 / (1 + np.exp(-1.5 * ease))]
    alarms = random.normal(-1.2, 1, random.poisson(np.exp(0.5 * hard)))
    scores = np.concatenate([hits + random.normal(0, 0.7, len(hits)), alarms])
    order = np.argsort(-scores)
    right = order < len(hits)
    return Matched(scores[order], right, ~right)


def ap50(images: list[Image], model: int) -> float:
    """Of a model in all images."""
    return curve_of([image.found[model] for image in images], sum(image.faces for image in images)).area


def measure(row: Row, scenes: list[list[Image]], sets: int, resamples: int) -> list[np.ndarray]:
    """For AP50 of the first model, and the difference of both: whether each set's interval lies below the truth, holds
    it, or lies above it, and its width, float64 [sets, 4]."""
    population = [image for scene in scenes for image in (scene if row.alike else scene[:1])]
    truth = np.array([ap50(population, model) for model in (0, 1)])
    out: list[list[tuple]] = []
    draws, counts, last = Draws([], 0), [np.zeros((0, 0))], None
    for number in range(sets):
        images, groups = draw_set(np.random.default_rng((row.images, row.alike, number)), scenes, row)
        if groups != last:  # sets of different images have the same resamples, as they have in `evaluate`
            draws, last = row.draws(groups, resamples), groups
            counts = list(draws)
        faces = np.array([image.faces for image in images])
        first, second = (resampled_ap50(images, model, counts) for model in (0, 1))
        own = draws.interval(first, faces)
        paired = draws.interval(second - first, faces, lowest=-1)
        out.append([_compare(own, truth[0]), _compare(paired, truth[1] - truth[0])])
    return list(np.array(out, float).transpose(1, 0, 2))


def draw_set(random: np.random.Generator, scenes: list[list[Image]], row: Row) -> tuple[list[Image], list[list[int]]]:
    """Images of a set, and its groups of near-duplicates."""
    images: list[Image] = []
    groups: list[list[int]] = []
    while len(images) < row.images:
        many = min(int(random.integers(_MOST_ALIKE)) + 1 if row.alike else 1, row.images - len(images))
        groups.append(list(range(len(images), len(images) + many)))
        images += scenes[random.integers(len(scenes))][:many]
    return images, groups


def resampled_ap50(images: list[Image], model: int, counts: list[np.ndarray]) -> np.ndarray:
    """Of a model in all resamples."""
    most = max(int(chunk.max()) for chunk in counts)
    figure = curve_figures(["AP50"], (([image.found[model]], [image.faces]) for image in images), most)
    return in_resamples(figure, [np.concatenate(counts)])["AP50"]


def _compare(interval: Interval, truth: float) -> tuple[bool, bool, bool, float]:
    low, high = interval.low, interval.high
    if low is None or high is None:
        raise ValueError("no resample has a face")
    return high < truth, low <= truth <= high, low > truth, high - low


@click.command(context_settings={"show_default": True})
@click.option("--sets", default=1000)
@click.option("--resamples", default=400)
def main(sets: int, resamples: int) -> None:
    started = time.process_time()
    room.MIN_IMAGES = room.MIN_FACES = 1  # what they hide is measured here
    random = np.random.default_rng(0)
    scenes = [draw_scene(random, _MOST_ALIKE) for _ in range(_SCENES)]
    population = [scene[0] for scene in scenes]
    faces, (first, second) = np.mean([image.faces for image in population]), (ap50(population, k) for k in (0, 1))
    columns = f" {'holds':>7} {'below':>6} {'above':>6} {'width':>7}"
    lines = [
        f"{sets:,} sets of drawn images with {faces:.1f} faces each; {resamples} resamples of each set.",
        f"True AP50 of two models: {100 * first:.1f} % and {100 * second:.1f} %. In per cent: sets whose 95 % interval",
        "holds the truth, lies below it, lies above it; mean width of the intervals.",
        "From python bench/interval_coverage.py",
        "",
        f"{'':50}{'AP50 of a model':^30}{'difference of two models':^30}".rstrip(),
        f"{'':50}{columns}{columns}",
    ]
    for row in ROWS:
        cells = ""
        for done in measure(row, scenes, sets, resamples):
            below, holds, above, width = 100 * done.mean(axis=0)
            cells += f" {holds:5.1f} % {below:6.1f} {above:6.1f} {width:7.1f}"
        lines.append(f"{row.title:50}{cells}")
        print(lines[-1], f"  {time.process_time() - started:.0f} s of CPU", flush=True)
    if sets >= 1000:
        write_text(_TABLE, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
