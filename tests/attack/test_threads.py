"""Eight threads share one model of each format: every result is that of one thread, to the bit."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from helpers.attack import Counts

from facedet.data.image import find_images, read_image, to_tensor
from facedet.inference.session import Session, open_session

THREADS, DETECTIONS = 8, 1000  # of each thread
PARTS = {"fp32": 1.0, "onnx": 0.2, "checkpoint": 0.1}  # by format
DENSE_EVERY = 5


@pytest.mark.parametrize("format", PARTS)
def test_threads_detect_what_one_thread_detects(
    format: str, trained: Path, exported: dict[str, Path], unseen_images: Path, share: float, counts: Counts
) -> None:
    path = trained / "best.pth" if format == "checkpoint" else exported[format]
    one = open_session(path)
    images = [to_tensor(read_image(image), one.size) for image in find_images(unseen_images)]
    expected = [[one.run(image), *one.dense(image)] for image in images]
    start = Barrier(THREADS)
    shared = open_session(path)  # all threads build its parts at once
    count = max(1, round(DETECTIONS * share * PARTS[format]))

    def results(thread: int) -> list[list[np.ndarray]]:
        start.wait()
        return [_outputs(shared, images[k % len(images)], k) for k in range(thread, thread + count)]

    with ThreadPoolExecutor(THREADS) as pool:
        for thread, found in enumerate(pool.map(results, range(THREADS))):
            for k, outputs in enumerate(found, thread):
                with counts.sample(f"{format}, thread {thread}, image {k % len(images)}"):
                    wanted = expected[k % len(images)]
                    assert all(np.array_equal(a, b) for a, b in zip(outputs, wanted, strict=False))


def _outputs(session: Session, image: np.ndarray, k: int) -> list[np.ndarray]:
    """The rows, and for some images also the boxes and scores before NMS."""
    rows = session.run(image)
    return [rows, *session.dense(image)] if k % DENSE_EVERY == 0 else [rows]
