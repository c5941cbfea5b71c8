"""Do 8 threads that call one model reach the speed of `run_many`? Both in turns, so that they see the same load.

python bench/threads.py MODEL...
"""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from facedet.common.machine import describe_machine
from facedet.inference.session import Session, open_session

_THREADS, _ROUNDS, _SECONDS = 8, 15, 1.0


def main(path: Path) -> None:
    session = open_session(path)
    height, width = session.size
    images = np.random.default_rng(0).uniform(0, 255, (16, 1, 3, height, width)).astype(np.float32)
    with ThreadPoolExecutor(_THREADS) as pool:
        by_threads(pool, session, images)  # each thread builds its parts
        count = max(1, round(_SECONDS / by_run_many(session, images))) * len(images)
        many = np.resize(images, (count, *images.shape[1:]))
        rounds = [(by_run_many(session, many), by_threads(pool, session, many)) for _ in range(_ROUNDS)]
    shares = [together / threads for together, threads in rounds]
    speed = count / statistics.median(threads for _, threads in rounds)
    print(
        f"{path.name}, {height}x{width} pixels: {_THREADS} threads {speed:.1f} images/s, "
        f"{100 * statistics.median(shares):.0f} % of run_many (rounds: {100 * min(shares):.0f} to "
        f"{100 * max(shares):.0f} %)"
    )


def by_run_many(session: Session, images: np.ndarray) -> float:
    started = time.perf_counter()
    for _ in session.run_many(images):
        pass
    return time.perf_counter() - started


def by_threads(pool: ThreadPoolExecutor, session: Session, images: np.ndarray) -> float:
    started = time.perf_counter()
    for _ in pool.map(session.run, images):
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    print(describe_machine())
    for name in sys.argv[1:]:
        main(Path(name))
