"""A value that several threads need is made once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import pytest

from facedet.common.once import once


def test_threads_share_one_value() -> None:
    made: list[object] = []

    def make() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    start, get = Barrier(8), once(make)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda _: (start.wait(), get())[1], range(8)))
    assert made == values[:1]
    assert set(values) == {made[0]}


def test_values_with_one_lock_are_made_one_after_the_other() -> None:
    lock = Lock()
    assert once(lock.locked, lock)() is True
    assert once(lock.locked)() is False


def test_an_error_is_not_kept() -> None:
    results = iter([0, 1])
    get = once(lambda: 1 // next(results))
    with pytest.raises(ZeroDivisionError):
        get()
    assert get() == 1
