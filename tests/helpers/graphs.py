"""Checkpoints and graphs: load them, compare them, change graphs. For the tests of import."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import torch
from helpers.short import SIZE
from mmengine.dataset import pseudo_collate
from openvino import opset13 as ops

from facedet.data.image import read_image, to_tensor
from facedet.detector.model import build_detector, dense
from facedet.train.samples.dataset import FaceDataset
from facedet.weights.checkpoint import load_weights, read_checkpoint

NORMS = 20  # batch normalization layers of `tiny`


def load_detector(path: Path) -> torch.nn.Module:
    config, state = read_checkpoint(path)
    detector = build_detector(config)
    load_weights(detector, state, str(path))
    return detector


def distance(first: Path, second: Path, images: Path) -> tuple[float, float]:
    """Largest difference between two checkpoints before NMS: pixels, score."""
    px, score = 0.0, 0.0
    nets = [load_detector(path).eval() for path in (first, second)]
    for path in sorted(images.iterdir())[:3]:
        image = torch.from_numpy(to_tensor(read_image(path), (SIZE, SIZE)))
        with torch.inference_mode():
            (boxes, scores), (other_boxes, other_scores) = (dense(net, image) for net in nets)
        px = max(px, float((boxes - other_boxes).abs().max()))
        score = max(score, float((scores - other_scores).abs().max()))
    return px, score


def convolutions(model: ov.Model) -> list[ov.Node]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]


def backbone_convolutions(model: ov.Model) -> list[ov.Node]:
    named = [(conv, conv.input_value(1).get_node().get_friendly_name()) for conv in convolutions(model)]
    return [conv for conv, name in named if "neck" not in name and "head" not in name][:NORMS]


def replace_weight(conv: ov.Node, change: Callable[[np.ndarray], np.ndarray]) -> None:
    weight = conv.input_value(1).get_node().data
    conv.input(1).replace_source_output(ops.constant(np.float32(change(weight))).output(0))


def add_to_initializer(model: onnx.ModelProto, name: str, value: float) -> None:
    (tensor,) = (each for each in model.graph.initializer if each.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + np.float32(value), name))


def in_both_modes(path: Path, dataset: FaceDataset) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    """The coarsest features in eval and in training mode, and the loss in each, on the first 12 images of a dataset."""
    features, losses = [], []
    for training in (False, True):
        detector = load_detector(path)
        detector.train(training)
        for module in detector.modules():
            if training and isinstance(module, torch.nn.BatchNorm2d):
                module.train()  # what would happen without `norm_eval`
        batch = detector.data_preprocessor(pseudo_collate([dataset[k] for k in range(12)]), training=True)
        with torch.no_grad():
            features.append(detector.backbone(batch["inputs"])[-1])
            loss = detector.loss(batch["inputs"], batch["data_samples"])
        losses.append(sum(float(torch.stack(v).sum() if isinstance(v, list) else v) for v in loss.values()))
    return features[0], features[1], losses
