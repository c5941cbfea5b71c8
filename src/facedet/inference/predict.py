"""Detections of a model in many images; images are read ahead while the device computes."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress, silent
from facedet.data.image import read_image, to_tensor
from facedet.data.structures import NO_DETECTIONS, Detections
from facedet.inference.session import Session, to_image_detections

Look = Callable[[Path, np.ndarray], None]


def each_of(*looks: Look) -> Look:
    """Several in one."""

    def look(path: Path, image: np.ndarray) -> None:
        for each in looks:
            each(path, image)

    return look


def predict(
    session: Session,
    paths: Sequence[Path],
    progress: Progress = silent,
    look: Look | None = None,
) -> tuple[list[Detections], dict[int, str]]:
    """Run a model on image files.

    look: takes each image that is read, uint8 [h, w, 3] BGR, in one of several threads.
    Returns the detections of each image, boxes in its pixels, and the reason by index for each image that cannot be
    read, which has no detections. Raises UserError if no image can be read or if the model's output is not finite.
    """
    shapes: deque[tuple[int, int]] = deque()
    unreadable: dict[int, str] = {}

    def read(path: Path) -> tuple[np.ndarray, tuple[int, int]] | UserError:
        try:
            image = read_image(path)
        except UserError as error:
            return error
        if look:
            look(path, image)
        return to_tensor(image, session.size), image.shape[:2]

    def tensors() -> Iterator[np.ndarray]:
        for k, result in enumerate(map_ahead(read, progress(paths, "evaluate"))):
            if isinstance(result, UserError):
                unreadable[k] = str(result)
            else:
                tensor, shape = result
                shapes.append(shape)
                yield tensor

    found = []
    for rows in session.run_many(tensors()):
        found.append(to_image_detections(rows, session, *shapes.popleft()))
    if paths and not found:
        raise UserError(next(iter(unreadable.values())))
    readable = iter(found)
    return [NO_DETECTIONS if k in unreadable else next(readable) for k in range(len(paths))], unreadable
