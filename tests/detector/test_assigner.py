"""Assignment of anchors to faces."""

import torch
from mmengine.structures import InstanceData

from facedet.core.detector.config import load_config
from facedet.core.detector.model import build_detector


def test_anchors_on_ignored_faces_are_not_trained() -> None:
    model = build_detector(load_config("tiny"))
    head = model.bbox_head

    def assign(faces: list, ignored: list) -> torch.Tensor:
        sizes = [(80, 80), (40, 40), (20, 20), (10, 10), (5, 5)]
        priors = torch.cat(head.prior_generator.grid_priors(sizes, device="cpu"))
        boxes, crowd = (torch.tensor(b, dtype=torch.float).reshape(-1, 4) for b in (faces, ignored))
        gt = InstanceData(bboxes=boxes, labels=torch.zeros(len(boxes), dtype=torch.long))
        instances = InstanceData(priors=priors)
        return head.assigner.assign(instances, [a * b for a, b in sizes], gt, InstanceData(bboxes=crowd)).gt_inds

    face, other = [40, 40, 100, 110], [180, 180, 300, 300]
    alone, beside = assign([face], []), assign([face], [other])
    assert (alone == 1).sum() == (beside == 1).sum() > 0
    assert (alone == -1).sum() == 0
    assert (beside == -1).sum() > 50  # anchors on the ignored face are neither positive nor negative
    assert (assign([], [other]) == -1).sum() == (beside == -1).sum()
