"""A model that is called with an image and returns its faces."""

from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.data.image import read_image
from facedet.data.structures import Detections
from facedet.inference.detect import detect_image
from facedet.inference.session import open_session, shown_above


class FaceDetector:
    """A checkpoint, ONNX file or IR, ready to detect, in any number of threads at once.

    input_size: height and width that images are resized to, pixels. runtime: what the model computes on,
    and in which precision. threshold: the score above which detections are shown, 0.3 if none was measured.
    operating_point: what was measured with it, or None.
    """

    def __init__(
        self,
        path: str | Path,
        precision: str | None = None,
        config: str | Path | None = None,
        device: str | None = None,
    ):
        self._session = open_session(Path(path), precision, config, device=device)
        self.path = self._session.path
        self.input_size = self._session.size
        self.runtime = self._session.runtime
        self.precision = self.runtime.precision
        self.threshold = shown_above(self._session)
        self.operating_point = self._session.operating_point

    def __call__(self, image: np.ndarray | str | Path, threshold: float | None = None) -> Detections:
        """Detect the faces with a score above `threshold`, best first; boxes are in pixels of the image.

        image: uint8 [height, width, 3] BGR of any size, or the path of an image file (its EXIF orientation is
        applied). threshold: None for the model's own. Raises UserError.
        """
        if not isinstance(image, np.ndarray):
            image = read_image(Path(image))
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise UserError(f"image: {image.dtype} {list(image.shape)} is not uint8 [height, width, 3] in BGR order")
        return detect_image(self._session, image).above(self.threshold if threshold is None else threshold)


def open_detector(
    path: str | Path,
    precision: str | None = None,
    *,
    config: str | Path | None = None,
    device: str | None = None,
) -> FaceDetector:
    """Open a checkpoint (.pth), an ONNX file (.onnx) or an OpenVINO IR (.xml).

    precision: `f32`, or `default` for the precision that OpenVINO chooses on this device (bf16 on many CPUs: faster,
    but boxes can move by pixels); without it, `f32` on the CPU and `default` elsewhere. config: name or path of the
    config that a checkpoint was trained with; needed only for a network with types other than this project's. device:
    of OpenVINO for an IR (`GPU`), of PyTorch for a checkpoint (`cuda`); without it, the CPU. Raises UserError.
    """
    return FaceDetector(path, precision, config, device)
