"""The inference rule of the released model."""

import pytest
import torch
from mmengine.config import ConfigDict

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.detector.selection import select_rows


def one_level(cls: torch.Tensor, centerness: torch.Tensor) -> tuple[list, list, list]:
    # outputs of the tiny head at 64 px in which only the first level has scores
    sizes = (16, 8, 4, 2, 1)
    low = [torch.full((1, 1, s, s), -20.0) for s in sizes]
    return [cls, *low[1:]], [torch.zeros(1, 4, s, s) for s in sizes], [centerness, *low[1:]]


def predict(cls: torch.Tensor, centerness: torch.Tensor, **rule) -> ConfigDict:
    head = build_detector(load_config("tiny")).bbox_head
    meta = [{"img_shape": (64, 64), "scale_factor": (0.5, 0.25)}]
    cfg = ConfigDict({**head.test_cfg, **rule})
    (found,) = head.predict_by_feat(*one_level(cls, centerness), batch_img_metas=meta, cfg=cfg, rescale=False)
    return found


def test_the_threshold_applies_to_the_product() -> None:
    cls, centerness = torch.full((1, 1, 16, 16), -20.0), torch.full((1, 1, 16, 16), 20.0)
    cls[0, 0, 8, 8], centerness[0, 0, 8, 8] = 0.0, -3.5  # 0.5 x 0.029 = 0.0147: above 0.02 before it, below after it
    cls[0, 0, 2, 2], centerness[0, 0, 2, 2] = 0.0, 0.0
    found = predict(cls, centerness)
    assert found.scores.tolist() == pytest.approx([0.25])
    assert found.bboxes.tolist() == [[0, 0, 24, 24]]  # anchor 32 px wide, centred at (8, 8), clipped to the image


def test_nms_gets_all_boxes_of_a_level_and_at_most_750_remain() -> None:
    torch.manual_seed(0)
    cls, centerness = torch.rand(1, 1, 16, 16) * 4, torch.full((1, 1, 16, 16), 20.0)
    assert len(predict(cls, centerness, nms={"type": "nms", "iou_threshold": 1.0}).scores) == 256
    few = predict(cls, centerness, nms={"type": "nms", "iou_threshold": 1.0}, max_per_img=7)
    assert few.scores.tolist() == sorted(cls.sigmoid().flatten().tolist(), reverse=True)[:7]
    boxes = torch.arange(2000).float()[:, None] * 10 + torch.tensor([0, 0, 5, 5])
    assert len(select_rows(boxes[None], torch.rand(1, 1, 2000) * 0.9 + 0.05, 750, 0.5, 0.02)) == 750
