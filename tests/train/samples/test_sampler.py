"""The order of a training run."""

import itertools
from typing import Any

import pytest

from facedet.train.samples.loaders import view_side
from facedet.train.samples.sampler import OrderSampler, Place


def places(epoch: int, first: int = 0, **settings: Any) -> list[Place]:
    sampler = OrderSampler(**{"images": 21, "batch_size": 4, "epochs": 5, **settings})
    sampler.begin(epoch, first)
    return list(itertools.islice(sampler, (sampler.iterations - first) * sampler.batch_size))


def test_an_epoch_uses_each_image_and_its_batches_are_full() -> None:
    images = [place.image for place in places(0)]
    assert sorted(images[:21]) == list(range(21))
    assert images[21:] == images[:3]
    assert len(places(0)) == 24
    assert len(OrderSampler(21, 4, 5)) == 5 * 24


def test_epochs_and_seeds_differ_in_order_and_views() -> None:
    first, second, other = places(0), places(1), places(0, seed=1)
    assert places(0) == first
    for a, b in itertools.combinations((first, second, other), 2):
        assert [place.image for place in a] != [place.image for place in b]
        assert not {place.seed for place in a} & {place.seed for place in b}


def test_it_starts_at_any_iteration() -> None:
    assert places(3, first=2) == places(3)[8:]


def test_a_pass_goes_to_the_end_of_the_run() -> None:
    sampler = OrderSampler(21, 4, 5)
    sampler.begin(2, 3)
    assert list(sampler) == [*places(2, first=3), *places(3), *places(4)]
    assert len(sampler) == len(list(sampler))


@pytest.mark.parametrize(("ranks", "batch"), [(2, 4), (4, 2), (8, 1)])
def test_the_order_does_not_depend_on_the_number_of_processes(ranks: int, batch: int) -> None:
    parts = [places(2, batch_size=batch, rank=rank, world_size=ranks) for rank in range(ranks)]
    steps = [[part[k : k + batch] for part in parts] for k in range(0, len(parts[0]), batch)]
    assert list(itertools.chain.from_iterable(itertools.chain.from_iterable(steps))) == places(2, batch_size=8)


def test_accumulated_batches_fill_the_last_step() -> None:
    assert len(OrderSampler(21, 4, 1, accumulate=4)) == 32


def test_progress_grows_from_zero_to_one() -> None:
    progress = [place.progress for epoch in range(5) for place in places(epoch)]
    assert progress == sorted(progress)
    assert progress[0] == 0
    assert 0.95 < progress[-1] < 1


@pytest.mark.parametrize(
    ("sizes", "progress", "expected"),
    [
        ((), 0.0, {None: 1.0}),
        ((64, 64, 96, 128), 0.0, {64: 0.4, 96: 0.2, 128: 0.2, None: 0.2}),
        ((64, 96), 0.6, {64: 0.25, 96: 0.25, None: 0.5}),
        ((64, 96), 0.9, {None: 1.0}),
        ((64, 96), 1.0, {None: 1.0}),
    ],
)
def test_shares_of_sizes_are_those_of_the_rest_of_the_run(sizes: tuple, progress: float, expected: dict) -> None:
    sampler = OrderSampler(21, 4, 5, sizes=sizes, full_size_from=0.8)
    assert sampler.shares_of_sizes(progress) == pytest.approx(expected)


def test_a_step_has_one_size_and_the_last_ones_have_the_full_size() -> None:
    settings = {"sizes": (64, 96), "full_size_from": 0.8, "accumulate": 2}
    sizes = [[place.size for place in places(epoch, **settings)] for epoch in range(5)]
    steps = [set(epoch[k : k + 8]) for epoch in sizes for k in range(0, len(epoch), 8)]
    assert all(len(step) == 1 for step in steps)
    assert {size for epoch in sizes[:4] for size in epoch} == {64, 96}
    assert set(sizes[4]) == {None}
    assert [place.size for place in places(1, first=2, **settings)] == sizes[1][8:]


def test_datasets_are_used_by_their_weights() -> None:
    epochs = [[place.image for place in places(epoch, parts=((4, 8), (10, 5), (3, 4)))] for epoch in range(4)]
    for images in epochs:
        assert len(images) == 20  # 17 and the first ones again
        counts = [images[:17].count(k) for k in range(17)]
        assert counts[:4] == [2] * 4
        assert sorted(counts[4:14]) == [0] * 5 + [1] * 5
        assert sorted(counts[14:]) == [1, 1, 2]
    assert len({tuple(sorted(images[:17])) for images in epochs}) == 4  # another part in each epoch
    assert places(3, first=2, parts=((10, 5), (10, 8))) == places(3, parts=((10, 5), (10, 8)))[8:]
    assert places(3, parts=((21, 21),)) == places(3)


def test_views_have_sides_that_the_network_can_take() -> None:
    assert [view_side(scale * 320) for scale in (0.5, 0.6, 0.7, 0.8, 1.0)] == [160, 192, 224, 256, 320]
    assert [view_side(scale * 96) for scale in (0.3, 0.5, 1.0)] == [64, 64, 96]
