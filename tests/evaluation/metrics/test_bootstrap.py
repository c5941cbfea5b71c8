import numpy as np
import pytest

from facedet.evaluation.metrics.bootstrap import count_chunks, interval, resample_counts

SINGLE = [[k] for k in range(40)]


def test_a_resample_draws_as_many_groups_as_there_are() -> None:
    counts = resample_counts(SINGLE, 500)
    assert counts.shape == (500, 40)
    assert (counts.sum(axis=1) == 40).all()
    assert counts.mean(axis=0) == pytest.approx(1, abs=0.2)
    assert (counts == 0).mean() == pytest.approx((1 - 1 / 40) ** 40, abs=0.02)  # it repeats: nothing is deduplicated


def test_near_duplicates_are_drawn_together() -> None:
    counts = resample_counts([[0, 3], [1], [2, 4, 5]], 200)
    assert (counts[:, 0] == counts[:, 3]).all()
    assert (counts[:, [2, 2]] == counts[:, [4, 5]]).all()
    assert (counts[:, [0, 1, 2]].sum(axis=1) == 3).all()
    assert len(np.unique(counts, axis=0)) == 10  # all ways to draw 3 of 3 groups


def test_the_seed_decides() -> None:
    assert (resample_counts(SINGLE, 100, seed=3) == resample_counts(SINGLE, 100, seed=3)).all()
    assert (resample_counts(SINGLE, 100, seed=3) != resample_counts(SINGLE, 100, seed=4)).any()


def test_chunks_are_the_rows() -> None:
    assert (np.concatenate(list(count_chunks(SINGLE, 150))) == resample_counts(SINGLE, 150)).all()


def test_interval_holds_the_middle_of_the_values() -> None:
    assert interval(np.arange(1001.0)) == pytest.approx((25, 975))
    assert interval(np.arange(1001.0), level=0.5) == pytest.approx((250, 750))


def test_resamples_without_the_figure_do_not_count() -> None:
    assert interval(np.array([np.nan, 1, np.nan, 1])) == (1, 1)
    assert interval(np.full(3, np.nan)) is None
