"""Is the second model better? Models whose detections are known."""

import re

import numpy as np
import pytest
from helpers.boxes import boxes, detections, photo

from facedet.data.structures import Detections, Photo
from facedet.evaluation.draws import Draws, Interval
from facedet.evaluation.paired import Difference, Paired, compare_paired, verdict

FACE = (10, 10, 80, 80)
OTHER = (200, 200, 80, 80)
FAR = (400, 10, 60, 60)


def images(count: int) -> list[Photo]:
    return [photo(f"{k}.png", boxes(FACE, OTHER)) for k in range(count)]


def finds(*found: tuple) -> Detections:
    return detections(*found)


def compared(first: list[Detections], second: list[Detections], thresholds: tuple[float, float] = (0.3, 0.3)) -> Paired:
    draws = Draws([[k] for k in range(len(first))], len(first), 400)
    return compare_paired(images(len(first)), [first, second], thresholds, draws)


BOTH = finds((*FACE, 0.9), (*OTHER, 0.8))
ONE = finds((*FACE, 0.9))
ALARM = finds((*FACE, 0.9), (*FAR, 0.7), (*OTHER, 0.5))


def test_a_model_that_finds_more_is_better() -> None:
    done = compared([ONE] * 10 + [BOTH] * 10, [BOTH] * 20)
    assert done.verdict == "better"
    assert compared([BOTH] * 20, [ONE] * 10 + [BOTH] * 10).verdict == "worse"
    recall = done.others[0]
    assert (recall.name, recall.first, recall.second) == ("recall", 0.75, 1.0)
    assert 0 < recall.interval.low < 0.25 < recall.interval.high < 0.5  # type: ignore[operator]


def test_few_images_cannot_tell() -> None:
    done = compared([BOTH, ONE] * 10, [BOTH, BOTH, *([BOTH, ONE] * 8), ONE, BOTH])
    assert re.fullmatch(r"these 20 images cannot tell; about [\d,]+ would", done.verdict)
    assert compared([ONE] * 5, [BOTH] * 5).verdict == "these 5 images cannot tell: too few faces"


def test_equal_models_are_not_distinguishable() -> None:
    assert compared([BOTH, ONE] * 10, [BOTH, ONE] * 10).verdict == (
        "these 20 images cannot tell: the difference is not distinguishable from none"
    )


def test_each_counts_above_its_threshold_and_at_equal_false_alarms() -> None:
    done = compared([BOTH] * 20, [ALARM] * 20, (0.85, 0.4))
    recall, precision, alarms, equal = done.others
    assert (recall.first, recall.second) == (0.5, 1)
    assert (precision.first, precision.second) == (1, pytest.approx(2 / 3))
    assert alarms.row()[:4] == ("false alarms an image", "0.00", "1.00", "+1.00")
    assert equal.name == "recall at 0.00 false alarms an image"
    assert (equal.first, equal.second) == (0.5, 0.5)  # without its false alarms, the second finds one of two faces
    assert done.equal_threshold == 0.7
    assert done.as_dict()["differences"][0]["difference"] < 0


def difference(value: float, low: float, high: float) -> Difference:
    return Difference("AP", 0.5, 0.5 + value, Interval(low, high, 100, 21))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (difference(0.05, 0.01, 0.09), "better"),
        (difference(-0.05, -0.09, -0.01), "worse"),
        (difference(0.04, -0.04, 0.12), "these 21 images cannot tell; about 180 would"),  # 21 * 2.04 * 2 ** 2 = 171.4
        (difference(-0.04, -0.12, 0.04), "these 21 images cannot tell; about 180 would"),
        (difference(1e-6, -0.1, 0.1), "these 21 images cannot tell: the difference is not distinguishable from none"),
        (difference(0.0, -0.1, 0.1), "these 21 images cannot tell: the difference is not distinguishable from none"),
    ],
)
def test_the_verdict_says_how_many_images_would_tell(row: Difference, words: str) -> None:
    assert verdict(row, 21) == words


def test_the_number_of_images_is_right_for_a_mean() -> None:
    """Of many sets of the advised size, four of five show the difference."""
    rng = np.random.default_rng(0)
    spread, mean = 0.3, 0.05
    half = 1.96 * spread / np.sqrt(100)
    row = difference(mean, mean - half, mean + half)
    advised = int(re.search(r"about (\d+)", verdict(row, 100)).group(1))  # type: ignore[union-attr]
    means = rng.normal(mean, spread / np.sqrt(advised), 10_000)
    assert (means > 1.96 * spread / np.sqrt(advised)).mean() == pytest.approx(0.8, abs=0.02)
