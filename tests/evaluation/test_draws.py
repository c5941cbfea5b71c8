"""How images are resampled: groups of near-duplicates, and from how few faces there is no interval."""

from pathlib import Path

import numpy as np
import pytest
from helpers.prints import still, unrelated

from facedet.common.progress import silent
from facedet.data.image import write_png
from facedet.evaluation.draws import Draws, Interval, read_prints

PATHS = [Path(f"{k}.png") for k in range(30)]
ONE_EACH = np.ones(30, int)


def test_near_duplicates_are_one_group() -> None:
    rng = np.random.default_rng(0)
    prints = dict(zip(PATHS, [*still(rng, 3), *unrelated(rng, 26), None], strict=True))
    draws = Draws.of(PATHS, prints, 200)
    assert sorted(draws.groups) == [[0, 1, 2], *([k] for k in range(3, 30))]
    counts = np.concatenate(list(draws))
    assert (counts[:, 0] == counts[:, 2]).all()
    assert draws.most == counts.max()
    assert str(draws) == (
        "95 % intervals by 200 resamples of 30 images; 3 of them are near-duplicates, drawn together in groups: 1"
    )
    assert draws.as_dict()["groups"] == 28


def test_images_that_were_not_read_are_drawn_one_by_one() -> None:
    draws = Draws.of(PATHS, {PATHS[0]: None})
    assert draws.groups == [[k] for k in range(30)]
    assert str(draws).endswith("29 could not be compared: near-duplicates count as different")


def test_images_are_read_to_compare_them(tmp_path: Path) -> None:
    write_png(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8), tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    prints = read_prints([tmp_path / "a.png", tmp_path / "b.png"], silent)
    assert list(prints) == [tmp_path / "a.png"]
    assert prints[tmp_path / "a.png"] is not None
    assert read_prints([tmp_path / "c.png"], silent) == {}


@pytest.mark.parametrize(
    ("faces", "words"),
    [([1] * 19, "too few faces"), ([10] * 9, "too few images"), ([2] * 10, "20.5 to 79.5")],
)
def test_too_few_faces_or_images_have_no_interval(faces: list[int], words: str) -> None:
    counted = np.array(faces + [0] * (30 - len(faces)))
    done = Draws([[k] for k in range(30)], 30).interval(np.linspace(0.2, 0.8, 2000), counted)
    assert done.words() == words


def test_near_duplicates_count_as_one_image() -> None:
    draws = Draws([list(range(21)), *([k] for k in range(21, 30))], 30)
    values = np.random.default_rng(0).random(2000)
    assert draws.interval(values, ONE_EACH).images == 10
    assert draws.interval(values, np.where(np.arange(30) < 29, 1, 0)).words() == "too few images"


def test_a_figure_that_all_images_agree_on_is_not_certain() -> None:
    draws = Draws([[k] for k in range(30)], 30)
    one, none = (draws.interval(np.full(2000, value), ONE_EACH) for value in (1.0, 0.0))
    assert (one.low, one.high) == (pytest.approx(0.025 ** (1 / 30)), 1)
    assert (none.low, none.high) == (0, pytest.approx(1 - 0.025 ** (1 / 30)))
    assert draws.interval(np.zeros(2000), ONE_EACH, lowest=-1).low == -none.high  # type: ignore[operator]


def test_words_of_an_interval() -> None:
    assert Draws([[k] for k in range(30)], 30).interval(np.full(2000, np.nan), ONE_EACH).words() == "none"
    assert Interval(0.661, 0.7324, 50, 20).words() == "66.1 to 73.2"
    assert Interval(0.661, 0.7324, 50, 20).words(1, 2) == "0.66 to 0.73"
