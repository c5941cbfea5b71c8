"""Without a terminal, progress is a line now and then, also while one long item is worked on."""

import threading
from collections.abc import Iterator

import pytest

from facedet import progress_bars
from facedet.common.progress import duration, step
from facedet.progress_bars import byte_bar, lines, state


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator["Told"]:
    lines_told = Told()
    monkeypatch.setattr(progress_bars, "tell", lines_told)
    yield lines_told
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("(report)")]


class Told(list[str]):
    """Collects lines; `wait` blocks until there are so many."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._more:
            self.append(line)
            self._more.notify_all()

    def wait(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self) >= count, timeout=60)


def test_a_long_item_is_told_of_again_and_again(told: Told) -> None:
    seen = []
    for item in lines("abc", "calibrate", first=0, every=0):
        seen.append(item)
        told.wait(len(told) + 2)
    assert seen == ["a", "b", "c"]
    assert told[0] == "calibrate: 0 of 3"
    assert "calibrate: 2 of 3, 0 s left" in told
    count = len(told)
    assert list(lines("abc", "calibrate", first=60, every=60)) == ["a", "b", "c"]
    assert len(told) == count  # what is quick says nothing, and the end does not wait


def test_a_step_tells_how_long_it_takes_and_ends_with_an_error(told: Told) -> None:
    def progress(items: list, description: str) -> Iterator:
        return lines(items, description, first=0, every=0)

    def work() -> None:
        with step(progress, "recover"):
            told.wait(2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert told[0] == "recover: 0 s so far"


def test_the_state_says_how_much_is_left() -> None:
    assert state(12, 32, 60.0) == "12 of 32, 2 min left"
    assert state(0, 32, 60.0) == "0 of 32"
    assert state(0, 1, 60.0) == "60 s so far"
    assert state(5, None, 60.0) == "5, 60 s so far"
    assert [duration(seconds) for seconds in (1.4, 99, 120, 7200)] == ["1 s", "99 s", "2 min", "2.0 h"]


def test_a_download_tells_how_much_has_arrived(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bars, "FIRST", 0)
    monkeypatch.setattr(progress_bars, "EVERY", 0)
    with byte_bar("file.bin", 8_000_000) as position:
        position(2_000_000)
        told.wait(len(told) + 2)
    assert "file.bin: 2.0 of 8.0 MB" in told
