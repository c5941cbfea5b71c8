"""Stop a training run between two steps when the terminal or a scheduler requests it."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from facedet.common.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(UserError):
    """A training run was stopped by a signal, after it saved everything. exit_code: 128 + number of the signal."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Whether SIGINT or SIGTERM arrived. A second SIGINT interrupts at once.

    signal_number: of the signal that this process received, or 0. agreed: see `agree`.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self.agreed = 0

    def agree(self, signal_numbers: Iterable[int]) -> None:
        """Stop if any process received a signal. signal_numbers: of all processes, which call this at the same step."""
        self.agreed = max(signal_numbers)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch the signals within the block; does nothing in a thread, where Python does not allow it."""
        try:
            earlier = {number: signal.signal(number, self._note) for number in SIGNALS}
        except ValueError:
            earlier = {}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_number = number
