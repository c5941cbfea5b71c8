"""IR sessions."""

from pathlib import Path

import numpy as np
from helpers.short import SIZE

from facedet.data.image import read_image, to_tensor
from facedet.inference.session import open_session


def test_run_many_keeps_the_order(exported: dict[str, Path], unseen_images: Path) -> None:
    session = open_session(exported["fp32"])
    tensors = [to_tensor(read_image(path), (SIZE, SIZE)) for path in sorted(unseen_images.iterdir())] * 3
    for rows, tensor in zip(session.run_many(iter(tensors)), tensors, strict=True):
        np.testing.assert_allclose(rows, session.run(tensor), atol=1e-3)
