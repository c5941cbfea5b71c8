"""Tries samples in a process apart: a crash, a hang or much memory is the fault of one sample only."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from helpers.attack import Counts

from facedet.common.machine import peak_memory_mb

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE = 300  # seconds for one sample, on a machine that may be busy
_MOST_MEMORY = 1500  # MiB that a sample may add to the peak of the process


def try_apart(counts: Counts, attempt: Callable[[str], None], names: Sequence[str]) -> None:
    """Try each sample. attempt: can be pickled; see `Counts.sample` for what it raises."""
    waiting = list(names)
    while waiting:
        receiver, sender = _SPAWN.Pipe(duplex=False)
        worker = _SPAWN.Process(target=_work, args=(attempt, list(waiting), sender), daemon=True)
        worker.start()
        sender.close()
        try:
            while waiting and receiver.poll(_PATIENCE):
                one: Counts = receiver.recv()
                waiting.pop(0)
                counts.clean, counts.refused = counts.clean + one.clean, counts.refused + one.refused
                counts.faults += one.faults
            if waiting:
                counts.faults.append(f"{waiting.pop(0)}: no answer in {_PATIENCE} s")
        except EOFError:
            worker.join(_PATIENCE)
            counts.faults.append(f"{waiting.pop(0)}: the process ended with {worker.exitcode}")
        finally:
            worker.kill()
            worker.join()


def _work(attempt: Callable[[str], None], names: list[str], sender: Connection) -> None:
    for name in names:
        one, before = Counts(), peak_memory_mb()
        with one.sample(name):
            attempt(name)
        if peak_memory_mb() - before > _MOST_MEMORY:
            one.faults.append(f"{name}: took {peak_memory_mb() - before} MiB")
        sender.send(one)
