"""A checkpoint, run in torch."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from facedet.detector.model import dense, preprocess
from facedet.export.interface import BOXES, INPUT, LABELS, Interface, Ports
from facedet.export.load import load_network
from facedet.export.variants import UNCHANGED
from facedet.inference.session_parts import join_outputs, level_strides, nms_rule, score_threshold, subtracts_mean


class TorchSession:
    """`Session` of a checkpoint, on the CPU. config: as for `load_network`."""

    kind = "checkpoint"

    def __init__(self, path: Path, config: str | Path | None = None, size: tuple[int, int] | None = None):
        self.path = path
        self._network, side, facts = load_network(path, config)
        self.size = size or (side, side)
        self.threshold = score_threshold(facts, path)
        self.strides = level_strides(facts, path)
        self.nms_rule = nms_rule(facts, path)
        self.weights, self.precision, self.variant = "f32", "f32", UNCHANGED

    def run(self, image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return join_outputs(self.path, *(output.numpy() for output in self._network(torch.from_numpy(image))))

    def run_many(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.run, images)

    def dense(self, image: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [output[0].numpy() for output in dense(self._network.detector, torch.from_numpy(image))]

    def interface(self) -> Interface:
        max_boxes = self._network.detector.bbox_head.test_cfg.max_per_img
        inputs: Ports = {INPUT: ("f32", [1, 3, *self.size])}
        outputs: Ports = {BOXES: ("f32", [max_boxes, 5]), LABELS: ("i64", [max_boxes])}
        return Interface(inputs, outputs, subtracts_mean(self._preprocess, self.size))

    def _preprocess(self, image: np.ndarray) -> np.ndarray:
        return preprocess(self._network.detector, torch.from_numpy(image)).numpy()
