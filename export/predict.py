"""What a model finds in many photographs, pictures read ahead while the device computes."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from data.errors import UserError
from data.image import read_image, to_photo, to_tensor
from data.progress import Progress, silent
from data.structures import Detections
from evaluation.predictions import EMPTY
from export.session import Session, to_detections

_T = TypeVar("_T")
_R = TypeVar("_R")


def predict(
    session: Session, paths: Sequence[Path], progress: Progress = silent
) -> tuple[list[Detections], dict[int, str]]:
    """Detections of each picture, boxes in its own pixels; for those that cannot be read none, and a line that says why
    by their number. Raises UserError if none can be read, or the model gives values that are not finite."""
    shapes: list[tuple[int, int]] = []
    unreadable: dict[int, str] = {}

    def read(path: Path) -> tuple[np.ndarray, tuple[int, int]] | UserError:
        try:
            image = read_image(path)
        except UserError as error:
            return error
        return to_tensor(image, session.size), image.shape[:2]

    def tensors() -> Iterator[np.ndarray]:
        for k, done in enumerate(read_ahead(read, progress(paths, "evaluate"))):
            if isinstance(done, UserError):
                unreadable[k] = str(done)
            else:
                shapes.append(done[1])
                yield done[0]

    rows = list(session.stream(tensors()))
    if paths and not rows:
        raise UserError(next(iter(unreadable.values())))
    found = iter([_in_photo(each, shape, session) for each, shape in zip(rows, shapes, strict=True)])
    return [EMPTY if k in unreadable else next(found) for k in range(len(paths))], unreadable


def _in_photo(rows: np.ndarray, shape: tuple[int, int], session: Session) -> Detections:
    if not np.isfinite(rows).all():
        raise UserError(f"{session.path}: gave values that are not finite; its weights or its precision are broken")
    found = to_detections(rows)
    return Detections(to_photo(found.boxes, session.size, shape[1], shape[0]), found.scores)


def read_ahead(function: Callable[[_T], _R], items: Iterable[_T]) -> Iterator[_R]:
    """Results in the items' order, a few of them computed ahead in threads."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
