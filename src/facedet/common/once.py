"""Values that are made when they are first needed, by whichever thread needs them."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

_T = TypeVar("_T")


def once(make: Callable[[], _T], lock: AbstractContextManager | None = None) -> Callable[[], _T]:
    """A function that returns what `make` returned in its first call; other threads wait for that one.

    lock: held during that call, for several such functions that must not run at once.
    """
    held = lock or threading.Lock()
    made: list[_T] = []

    def get() -> _T:
        if not made:
            with held:
                if not made:
                    made.append(make())
        return made[0]

    return get
