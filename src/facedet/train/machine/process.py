"""Process settings that make training fast, for the duration of a run."""

import multiprocessing
import os
import random
import resource
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import torch

from facedet.common.allocator import freed_memory_kept

_LONGEST_FOLDER = 70  # bytes: a worker's socket in it adds 34 to its path, and a socket's path has at most 107
_SECONDS = 5  # for the end of a killed process; one that waits for a broken disk or network ends later, if at all
_OPEN_FILES = 65536  # at most: each tensor that a worker sends is one


@contextmanager
def process_settings(device: str, *, cudnn_benchmark: bool) -> Iterator[None]:
    """Set the process up for training on a device, and restore everything at the end.

    That is: random states, warning filters, the limit of open files, the choice of algorithms, the current GPU and the
    memory allocator.
    """
    with ExitStack() as stack:
        stack.enter_context(_children_ended())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(_random_states(device))
        stack.enter_context(_algorithms())
        stack.enter_context(_open_files())
        stack.enter_context(_short_temporary_folder())
        if device == "cpu":
            stack.enter_context(freed_memory_kept())
        else:
            stack.enter_context(torch.cuda.device(device))
            torch.backends.cudnn.benchmark = cudnn_benchmark
        yield


@contextmanager
def _children_ended() -> Iterator[None]:
    """Kills the workers that an interrupted DataLoader has left. They ignore the signals of Python's own end."""
    before = set(multiprocessing.active_children())
    try:
        yield
    finally:
        for child in set(multiprocessing.active_children()) - before:
            with suppress(RuntimeError):  # torch raises it when one of its workers is killed
                child.kill()
                child.join(_SECONDS)


@contextmanager
def _random_states(device: str) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    used = device != "cpu" or torch.cuda.is_initialized()  # to ask an unused GPU for its state would initialize it
    with torch.random.fork_rng(range(torch.cuda.device_count()) if used else ()):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def _algorithms() -> Iterator[None]:
    """Restores what a config's `randomness.deterministic` and `env_cfg.cudnn_benchmark` change."""
    cudnn, deterministic = torch.backends.cudnn, torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    before = cudnn.benchmark, cudnn.deterministic
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


@contextmanager
def _open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def _short_temporary_folder() -> Iterator[None]:
    """Uses /tmp if the path of the temporary folder is too long for the sockets through which workers send images."""
    before = tempfile.tempdir
    if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_FOLDER:
        tempfile.tempdir = "/tmp"
    try:
        yield
    finally:
        tempfile.tempdir = before
