"""Process many items in threads, a few items ahead of the caller."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from facedet.common.machine import thread_count

_T = TypeVar("_T")
_R = TypeVar("_R")


def map_ahead(function: Callable[[_T], _R], items: Iterable[_T], workers: int | None = None) -> Iterator[_R]:
    """Yield the results in the order of `items`. Threads compute them, at most a few ahead of the caller.

    workers: number of threads; None for one on each core. An error of `function` is raised at the position of its item.
    """
    workers = workers or thread_count()
    pending: deque[Future[_R]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
