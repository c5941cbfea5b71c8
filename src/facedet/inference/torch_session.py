"""A checkpoint, run in torch."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from facedet.common.machine import processor_name
from facedet.common.torch_device import choose_device
from facedet.detector.model import dense, preprocess
from facedet.export.interface import BOXES, INPUT, LABELS, Interface, Ports
from facedet.export.load import load_network
from facedet.export.variants import UNCHANGED
from facedet.inference.runtime import Runtime
from facedet.inference.session_parts import (
    how_made,
    join_outputs,
    level_strides,
    nms_rule,
    score_threshold,
    subtracts_mean,
)
from facedet.weights.operating_point import point_of_export


class TorchSession:
    """`Session` of a checkpoint, computed in float32. Arguments: as for `open_session`."""

    kind = "checkpoint"

    def __init__(
        self,
        path: Path,
        config: str | Path | None = None,
        size: tuple[int, int] | None = None,
        device: str | None = None,
    ):
        self.path, self._device = path, choose_device(device or "cpu")
        network, side, facts = load_network(path, config)
        self._network = network.to(self._device)
        self.runtime = Runtime(
            *_hardware(next(self._network.parameters()).device), "f32", f"PyTorch {torch.__version__}"
        )
        self.size = size or (side, side)
        self.threshold = score_threshold(facts, path)
        self.operating_point = point_of_export(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.made = how_made(facts)
        self.weights, self.variant = "f32", UNCHANGED

    def run(self, image: np.ndarray) -> np.ndarray:
        with _float32():
            return join_outputs(self.path, *(output.numpy(force=True) for output in self._network(self._send(image))))

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.run, images)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        with _float32():
            return [output[0].numpy(force=True) for output in dense(self._network.detector, self._send(image))]

    def interface(self) -> Interface:
        max_boxes = self._network.detector.bbox_head.test_cfg.max_per_img
        inputs: Ports = {INPUT: ("f32", [1, 3, *self.size])}
        outputs: Ports = {BOXES: ("f32", [max_boxes, 5]), LABELS: ("i64", [max_boxes])}
        return Interface(inputs, outputs, subtracts_mean(self._preprocess, self.size))

    def _preprocess(self, image: np.ndarray) -> np.ndarray:
        return preprocess(self._network.detector, self._send(image)).numpy(force=True)

    def _send(self, image: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(image).to(self._device)


@contextmanager
def _float32() -> Iterator[None]:
    """Compute without gradients, on a GPU without TF32."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def _hardware(device: torch.device) -> tuple[str, str]:
    return str(device), torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
