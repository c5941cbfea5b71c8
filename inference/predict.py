"""What a model finds in many photographs, pictures read ahead while the device computes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.parallel import map_ahead
from facedet.core.common.progress import Progress, silent
from facedet.core.data.image import read_image, to_tensor
from facedet.core.data.structures import NO_DETECTIONS, Detections
from facedet.core.inference.session import Session, in_photo


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
        for k, done in enumerate(map_ahead(read, progress(paths, "evaluate"))):
            if isinstance(done, UserError):
                unreadable[k] = str(done)
            else:
                shapes.append(done[1])
                yield done[0]

    rows = list(session.stream(tensors()))
    if paths and not rows:
        raise UserError(next(iter(unreadable.values())))
    found = iter([in_photo(each, session, *shape) for each, shape in zip(rows, shapes, strict=True)])
    return [NO_DETECTIONS if k in unreadable else next(found) for k in range(len(paths))], unreadable
