"""One interface for every format of a detector: checkpoint, ONNX file, IR."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from facedet.common.errors import UserError
from facedet.common.extras import require_train
from facedet.common.torch_device import choose_device
from facedet.data.image import to_photo
from facedet.data.structures import Detections
from facedet.detector.config_file import find_config
from facedet.export.interface import Interface
from facedet.export.variants import Variant
from facedet.inference.runtime import Runtime
from facedet.weights.names import check_file
from facedet.weights.operating_point import OperatingPoint, threshold_of


class Session(Protocol):
    """A model that is loaded and ready to run, in any number of threads at once.

    size: height and width of the input, pixels. threshold: the score that detections must exceed, None if the file does
    not state it. operating_point: the score above which they are shown, and its figures; None if the file has none.
    weights: stored precision, `f32`, `f16`, `bf16` or `i8`. runtime: what it computes on. strides: of the levels in
    pixels, finest first; empty if the file does not state them. nms_rule: the thresholds as `postprocess` takes them,
    None if the file does not state them. variant: of an export; every variant takes the same image here. made: what the
    file says of how it was made, for reports, by name.
    """

    path: Path
    kind: str
    size: tuple[int, int]
    threshold: float | None
    operating_point: OperatingPoint | None
    weights: str
    runtime: Runtime
    strides: list[int]
    nms_rule: dict[str, float] | None
    variant: Variant
    made: dict[str, str]

    def run(self, image: np.ndarray) -> np.ndarray:
        """Run on an image, float32 [1, 3, *size] BGR 0..255. Returns rows [n, 6]: outputs `boxes` and `labels`."""
        ...

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Run on many images as fast as the device can. Returns the rows of each image, in the order of the images."""
        ...

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        """Boxes [anchors, 4] and scores [anchors] before thresholding and NMS, level by level. image: as for `run`."""
        ...

    def interface(self) -> Interface:
        """Inputs, outputs and preprocessing of the model."""
        ...


PRECISIONS = ("f32", "bf16", "default")


def open_session(
    path: Path,
    precision: str | None = None,
    config: str | Path | None = None,
    size: tuple[int, int] | None = None,
    device: str | None = None,
) -> Session:
    """Open a model by its file type. Raises UserError.

    precision: in which an IR computes: `f32`, `bf16`, or `default` for what OpenVINO chooses on the device; None for
    `f32` on the CPU and `default` elsewhere. Checkpoints and ONNX files always compute in float32. config: of a
    checkpoint, as for `load_network`. size: height and width of the input, if not those of the file. device: one of
    OpenVINO's for an IR, of PyTorch's for a checkpoint; None for the CPU, where an ONNX file always runs.
    """
    return session_loader(path, precision, config, size, device)()


def session_loader(
    path: Path,
    precision: str | None,
    config: str | Path | None = None,
    size: tuple[int, int] | None = None,
    device: str | None = None,
) -> Callable[[], Session]:
    """A function that opens the model; its runtime is imported already. Raises UserError. Arguments: `open_session`."""
    check_model(path, precision, config, device)
    if path.suffix == ".pth":
        from facedet.inference.torch_session import TorchSession

        return lambda: TorchSession(path, config, size, device)
    if path.suffix == ".onnx":
        from facedet.inference.onnx_session import OnnxSession

        return lambda: OnnxSession(path, size)
    from facedet.inference.openvino_session import IrSession

    return lambda: IrSession(path, precision, device, size)


def check_model(
    path: Path, precision: str | None = None, config: str | Path | None = None, device: str | None = None
) -> None:
    """Raise UserError for an unknown precision or device, a precision that the CPU lacks, no model file, one that
    cannot be opened here, or no config.

    Arguments: see `open_session`.
    """
    if precision and precision not in PRECISIONS:
        raise UserError(f"--precision {precision}: give {', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}")
    if path.suffix not in (".pth", ".onnx", ".xml"):
        raise UserError(f"{path}: not a model; give a checkpoint (.pth), an ONNX file (.onnx) or an IR (.xml)")
    check_file(path)
    if config:
        find_config(config)
    if path.suffix == ".pth":
        require_train(str(path))
    if device:
        _check_device(path, device)
    if precision == "bf16" and path.suffix == ".xml":
        from facedet.inference.openvino_device import check_precision

        check_precision(precision, device or "CPU")


def _check_device(path: Path, device: str) -> None:
    if path.suffix == ".pth":
        choose_device(device)
    elif path.suffix == ".onnx":
        if device.upper() != "CPU":
            raise UserError(f"--device {device}: {path} runs on the CPU only; give an IR (.xml), or leave out --device")
    else:
        from facedet.inference.openvino_device import check_device

        check_device(device)


def shown_above(session: Session) -> float:
    """The score above which detections of a model are shown, unless the caller gives another."""
    return threshold_of(session.operating_point)


def to_detections(rows: np.ndarray) -> Detections:
    """Convert rows [n, 6] to detections in pixels of the input, without zero rows and rows that are not finite."""
    rows = rows[rows[:, :5].any(axis=1) & np.isfinite(rows).all(axis=1)]
    return Detections(rows[:, :4], rows[:, 4])


def to_image_detections(rows: np.ndarray, session: Session, height: int, width: int) -> Detections:
    """Convert rows [n, 6] to detections in pixels of the original image. Raises UserError if a value is not finite."""
    if not np.isfinite(rows).all():
        raise UserError(f"{session.path}: its output has values that are not finite; check its weights and precision")
    detections = to_detections(rows)
    boxes = to_photo(detections.boxes, session.size, width, height)
    return Detections(boxes, detections.scores.copy())  # a view would keep the rows
