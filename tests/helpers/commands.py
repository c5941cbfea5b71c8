"""The command line in processes of their own: copies of one that has imported torch, so that a start is quick."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from helpers.distributed import CONTEXT


class Command:
    """`facedet` with arguments, running with one thread in a process group of its own.

    Two runs side by side would wait for each other's threads. pid: of the process and of its group. first: what the
    process does before; it must pickle.
    """

    def __init__(self, *arguments: object, first: Callable[[], object] = list):
        self._folder = tempfile.TemporaryDirectory()
        self._files = [Path(self._folder.name) / name for name in ("stdout", "stderr")]
        self._process = CONTEXT.Process(target=_run, args=([str(each) for each in arguments], self._files, first))
        self._process.start()
        self.pid: int = self._process.pid  # type: ignore[assignment]

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    def wait_for(self, beginning: str) -> None:
        """Wait until it prints a line that begins so."""
        while self.is_running:
            if any(line.startswith(beginning) for line in self._read(0).splitlines()):
                return
            time.sleep(0.01)
        raise AssertionError(self._read(1))

    def end(self) -> tuple[int, str, str]:
        """Wait for its end. Returns exit code, negative for a signal, and what it wrote to stdout and to stderr."""
        self._process.join()
        return self._process.exitcode, self._read(0), self._read(1)  # type: ignore[return-value]

    def _read(self, number: int) -> str:
        return self._files[number].read_text() if self._files[number].exists() else ""


def _run(arguments: list[str], files: list[Path], first: Callable[[], object]) -> None:
    os.setsid()
    for stream, path in zip((sys.stdout, sys.stderr), files, strict=True):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream.fileno())
    torch.set_num_threads(1)
    from facedet.cli import main

    first()
    main(arguments, prog_name="facedet")
