"""Detections of a model in many images; images are read ahead while the device computes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress, silent
from facedet.data.image import read_image, to_tensor
from facedet.data.structures import NO_DETECTIONS, Detections
from facedet.inference.session import Session, to_image_detections


def predict(
    session: Session, paths: Sequence[Path], progress: Progress = silent
) -> tuple[list[Detections], dict[int, str]]:
    """Run a model on image files.

    Returns the detections of each image, boxes in its pixels, and the reason by index for each image that cannot be
    read, which has no detections. Raises UserError if no image can be read or if the model's output is not finite.
    """
    shapes: list[tuple[int, int]] = []
    unreadable: dict[int, str] = {}

    def read(path: Path) -> tuple[np.ndarray, tuple[int, int]] | UserError:
        try:
            image = read_image(path)
        except UserError as error:
            return error
        return to_tensor(image, session.size), image.shape[:2]

    def tensors() -> Iterator[np.ndarray]:
        for k, result in enumerate(map_ahead(read, progress(paths, "evaluate"))):
            if isinstance(result, UserError):
                unreadable[k] = str(result)
            else:
                tensor, shape = result
                shapes.append(shape)
                yield tensor

    rows = list(session.run_many(tensors()))
    if paths and not rows:
        raise UserError(next(iter(unreadable.values())))
    found = iter([to_image_detections(r, session, *shape) for r, shape in zip(rows, shapes, strict=True)])
    return [NO_DETECTIONS if k in unreadable else next(found) for k in range(len(paths))], unreadable
