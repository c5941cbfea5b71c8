"""The detector as it is exported: images in, boxes out, with normalisation and, mostly, NMS inside."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facedet.detector.model import Detector, dense
from facedet.detector.selection import select_rows


class DeployedDetector(nn.Module):
    """Wraps a trained detector and computes in torch exactly what the exported graph computes.

    forward: images [b, 3, h, w] float32 BGR 0..255 -> boxes [max_boxes, 5] x1 y1 x2 y2 score, labels [max_boxes]
    int64; zero rows after the last detection. For more than one image, the outputs have a leading dimension b.
    """

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector: Any = detector.eval()

    @property
    def stride(self) -> int:
        """Of the coarsest level, in pixels."""
        return max(max(strides) for strides in self.detector.bbox_head.prior_generator.strides)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = [self._select(b, s) for b, s in zip(*dense(self.detector, images), strict=True)]
        boxes, labels = zip(*found, strict=True)
        return _join(boxes), _join(labels)

    def _select(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        config = self.detector.bbox_head.test_cfg
        max_boxes = config.max_per_img
        picked = select_rows(boxes[None], scores[None, None], max_boxes, config.nms.iou_threshold, config.score_thr)
        rows = torch.cat([boxes[picked[:, 2]], scores[picked[:, 2], None]], dim=1)
        # zero rows before TopK make the shapes static for any number of detections
        rows = torch.cat([rows, rows.new_zeros(max_boxes, 5)])
        labels = torch.cat([picked[:, 1], picked.new_zeros(max_boxes)])
        order = rows[:, 4].topk(max_boxes).indices
        return rows[order], labels[order]


class DenseDetector(DeployedDetector):
    """The same without NMS.

    forward: images as there -> boxes [anchors, 4] x1 y1 x2 y2, scores [anchors]; with b in front like there.
    """

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = dense(self.detector, images)
        return _join(boxes.unbind()), _join(scores.unbind())


def _join(images: Sequence[Tensor]) -> Tensor:
    return images[0] if len(images) == 1 else torch.stack(list(images))


def onnx_translation() -> dict[Any, Any]:
    """Tell torch.onnx how to translate `select_rows`."""
    from onnxscript import opset18

    op: Any = opset18

    def non_max_suppression(boxes: Any, scores: Any, max_boxes: Any, iou: Any, threshold: Any) -> Any:
        return op.NonMaxSuppression(
            boxes,
            scores,
            op.Constant(value_ints=[max_boxes]),
            op.Constant(value_floats=[iou]),
            op.Constant(value_floats=[threshold]),
        )

    return {torch.ops.facedet.non_max_suppression.default: non_max_suppression}
