"""The detector as it is exported: images in, boxes out, with normalisation and, mostly, NMS inside."""

from collections.abc import Sequence
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from facedet.detector.model import Detector, dense


class DeployedDetector(nn.Module):
    """Wraps a trained detector and computes in torch exactly what the exported graph computes.

    forward: images [b, 3, size, size] float32 BGR 0..255 -> boxes [max_boxes, 5] x1 y1 x2 y2 score, labels [max_boxes]
    int64; zero rows after the last detection. For more than one image, the outputs have a leading dimension b.
    """

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector: Any = detector.eval()

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


@torch.library.custom_op("facedet::non_max_suppression", mutates_args=())
def select_rows(boxes: Tensor, scores: Tensor, max_boxes: int, iou: float, threshold: float) -> Tensor:
    """ONNX's NonMaxSuppression for one image: boxes [1, n, 4], scores [1, classes, n] -> [k, 3] int64.

    A row holds the indices of image, class and box; rows are sorted by class, then by descending score.
    """
    rows = []
    for label, values in enumerate(scores[0]):
        kept = torch.nonzero(values > threshold)[:, 0]
        best = kept[torchvision.ops.nms(boxes[0, kept], values[kept], iou)[:max_boxes]]
        rows.append(torch.stack([torch.zeros_like(best), torch.full_like(best, label), best], dim=1))
    return torch.cat(rows)


@select_rows.register_fake
def _(boxes: Tensor, scores: Tensor, max_boxes: int, iou: float, threshold: float) -> Tensor:
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), 3, dtype=torch.int64)


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
