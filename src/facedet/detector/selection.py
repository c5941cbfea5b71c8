"""Which boxes are detections: score above a threshold, then NMS. Exports translate this operation into their graph."""

import torch
import torchvision
from torch import Tensor


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
