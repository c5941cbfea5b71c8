"""Results of threads: order, errors and how far they are ahead."""

import pytest

from facedet.common.machine import thread_count
from facedet.common.parallel import map_ahead


def test_results_keep_the_order_of_the_items() -> None:
    assert list(map_ahead(lambda k: k * k, range(50))) == [k * k for k in range(50)]
    assert list(map_ahead(lambda k: k, [])) == []


def test_an_error_is_raised_at_the_position_of_its_item() -> None:
    results = map_ahead(lambda k: 1 // k, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_only_a_few_items_are_taken_ahead_of_the_caller() -> None:
    taken: list[int] = []
    items = (taken.append(k) or k for k in range(1000))  # type: ignore[func-returns-value]
    assert next(map_ahead(lambda k: k, items)) == 0
    assert len(taken) <= 2 * thread_count() + 1
