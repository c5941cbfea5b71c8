"""Wait for the next item of an iterator, but not forever."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

_T = TypeVar("_T")
_AHEAD = 4  # items that may be ready before they are taken


@dataclass(frozen=True)
class _End:
    error: Exception | None = None


def within_time(items: Iterable[_T], seconds: Callable[[], float]) -> Iterator[_T]:
    """Yield the items, which another thread makes. Raises TimeoutError if the next is not there within `seconds()`.

    The thread is then left behind, whatever it waits for: a name server, a handshake, the lines of a header. It does
    not keep the process alive. An error that it meets is raised here.
    """
    made: Queue[_T | _End] = Queue(_AHEAD)
    left = Event()
    Thread(target=_make, args=(items, made, left), daemon=True).start()
    try:
        while not isinstance(item := _next(made, seconds()), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        left.set()
        with suppress(Empty):  # the thread may be waiting for a free place
            while True:
                made.get_nowait()


def _next(made: Queue[_T | _End], seconds: float) -> _T | _End:
    try:
        return made.get(timeout=max(0, seconds))
    except Empty:
        raise TimeoutError from None


def _make(items: Iterable[_T], made: Queue[_T | _End], left: Event) -> None:
    try:
        for item in items:
            made.put(item)
            if left.is_set():
                return
        made.put(_End())
    except Exception as error:  # nothing is hidden: within_time raises it
        made.put(_End(error))
