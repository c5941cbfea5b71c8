"""Items are waited for, but not forever."""

import threading
from collections.abc import Iterator

import pytest

from facedet.common.patience import within_time


def test_items_and_errors_come_in_order() -> None:
    def items() -> Iterator[int]:
        yield from range(20)
        raise ZeroDivisionError

    made = within_time(items(), lambda: 60)
    assert [next(made) for _ in range(20)] == list(range(20))
    with pytest.raises(ZeroDivisionError):
        next(made)
    assert list(within_time("abc", lambda: 60)) == ["a", "b", "c"]


def test_an_item_that_does_not_come_is_a_timeout_and_the_thread_ends_when_it_comes() -> None:
    release, ended = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        try:
            yield 1
            release.wait(60)
            yield 2
            yield 3
        finally:
            ended.set()

    left = [60.0, 0.01]
    with pytest.raises(TimeoutError):
        list(within_time(items(), lambda: left.pop(0)))
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_a_thread_that_is_ahead_ends_when_it_is_left() -> None:
    made = []

    def items() -> Iterator[int]:
        for k in range(1_000_000):
            made.append(k)
            yield k

    before = threading.active_count()
    for item in within_time(items(), lambda: 60):
        if item == 100:
            break
    for thread in threading.enumerate():
        if thread.name.endswith("(_make)"):
            thread.join(60)
    assert threading.active_count() == before
    assert len(made) < 200
