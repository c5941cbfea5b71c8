"""The detector as it ships: pictures in, [750, 5] boxes out, with normalisation and NMS inside."""

from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from facedet.core.detector.model import Detector, dense


class DeployedDetector(nn.Module):
    """Wraps a trained detector from outside; computes in torch exactly what the exported graph will.

    forward: image [1, 3, size, size] float32 BGR 0..255 -> boxes [most, 5] x1 y1 x2 y2 score, labels [most] int64.
    """

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector: Any = detector.eval()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        rule = self.detector.bbox_head.test_cfg
        boxes, scores = dense(self.detector, image)
        picked = select_rows(boxes, scores[:, None], rule.max_per_img, rule.nms.iou_threshold, rule.score_thr)
        rows = torch.cat([boxes[0, picked[:, 2]], scores[0, picked[:, 2], None]], dim=1)
        # padding before TopK makes the shapes static, whatever the number of detections
        rows = torch.cat([rows, rows.new_zeros(rule.max_per_img, 5)])
        labels = torch.cat([picked[:, 1], picked.new_zeros(rule.max_per_img)])
        order = rows[:, 4].topk(rule.max_per_img).indices
        return rows[order], labels[order]


@torch.library.custom_op("facedet::non_max_suppression", mutates_args=())
def select_rows(boxes: Tensor, scores: Tensor, most: int, iou: float, threshold: float) -> Tensor:
    """ONNX's NonMaxSuppression for one picture: boxes [1, n, 4], scores [1, classes, n] -> [k, 3] int64.

    A row holds picture, class and box index; rows come class by class, best first.
    """
    rows = []
    for label, values in enumerate(scores[0]):
        kept = torch.nonzero(values > threshold)[:, 0]
        best = kept[torchvision.ops.nms(boxes[0, kept], values[kept], iou)[:most]]
        rows.append(torch.stack([torch.zeros_like(best), torch.full_like(best, label), best], dim=1))
    return torch.cat(rows)


@select_rows.register_fake
def _(boxes: Tensor, scores: Tensor, most: int, iou: float, threshold: float) -> Tensor:
    return boxes.new_empty(torch.library.get_ctx().new_dynamic_size(), 3, dtype=torch.int64)


def onnx_translation() -> dict[Any, Any]:
    """How torch.onnx is to write `select_rows`."""
    from onnxscript import opset18

    op: Any = opset18

    def non_max_suppression(boxes: Any, scores: Any, most: Any, iou: Any, threshold: Any) -> Any:
        return op.NonMaxSuppression(
            boxes,
            scores,
            op.Constant(value_ints=[most]),
            op.Constant(value_floats=[iou]),
            op.Constant(value_floats=[threshold]),
        )

    return {torch.ops.facedet.non_max_suppression.default: non_max_suppression}
