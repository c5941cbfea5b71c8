"""The progress bars of a training run. The first process shows them."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from facedet.common.progress import Position
from facedet.train.machine.distributed import is_first
from facedet.train.run import Run


class _Bar(tqdm):
    """tqdm with its own lock: tqdm's fixes the multiprocessing start method of the whole process."""


_Bar.monitor_interval = 0  # without its thread, which would outlive the run
_Bar.set_lock(threading.RLock())


class ProgressBar:
    """Epoch, loss, learning rate, images per second, AP and time left of the whole run."""

    def __init__(self, run: Run):
        self.run, self.ap = run, ""
        self.bar = _Bar(
            total=run.iterations,
            initial=run.state.iteration,
            desc="train",
            unit="it",
            mininterval=_seconds(),
            disable=not is_first(),
        )

    def iteration(self, epoch: int, rate: float, images_per_second: float) -> None:
        """Show an iteration of an epoch, counted from 1, with its learning rate."""
        losses = self.run.state.history.losses
        loss = f"loss {losses[-1][1]:.3f}, " if losses else ""
        progress = f"epoch {epoch}/{self.run.epochs}, {loss}lr {rate:.1e}"
        self.bar.set_postfix_str(f"{progress}, {images_per_second:.1f} img/s{self.ap}", refresh=False)
        self.bar.update()

    def validation(self, metrics: dict[str, float]) -> None:
        self.ap = f", AP {metrics.get('AP', 0):.3f}"

    def close(self) -> None:
        self.bar.close()


@contextmanager
def byte_bar(name: str, size: int | None) -> Iterator[Position]:
    """A `common.progress.ByteProgress`."""
    with _Bar(
        total=size,
        desc=name,
        unit="B",
        unit_scale=True,
        leave=False,
        mininterval=_seconds(),
        disable=not is_first(),
    ) as shown:

        def at(position: int) -> None:
            shown.update(position - shown.n)

        yield at


def tell(line: str) -> None:
    """A `common.progress.Tell`."""
    print(line, file=sys.stderr, flush=True)


def _seconds() -> float:
    return 1 if sys.stderr.isatty() else 30  # fewer lines in a log file than in a terminal
