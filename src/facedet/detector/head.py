"""The ATSS head: the inference rule of the released model, and the loss of a whole batch."""

from collections.abc import Sequence

import torch
from mmdet.models.dense_heads import ATSSHead
from mmdet.models.task_modules.coders.delta_xywh_bbox_coder import delta2bbox
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor

from facedet.detector.loss import centerness, decode, normalisers
from facedet.detector.selection import select_rows


@MODELS.register_module()
class FaceATSSHead(ATSSHead):
    """ATSSHead whose score is sigmoid(class) x sigmoid(centerness).

    Boxes with a score above `score_thr` are kept, then NMS runs over all boxes of all levels. mmdet 3 applies the
    threshold to the class score before the product and keeps only the best boxes of each level; the released model
    does neither.
    """

    def dense(
        self,
        cls_scores: Sequence[Tensor],
        bbox_preds: Sequence[Tensor],
        centernesses: Sequence[Tensor],
        input_shape: tuple[int, int],
    ) -> tuple[Tensor, Tensor]:
        """Boxes and scores of every anchor, before thresholding and NMS.

        cls_scores, centernesses: per level [b, 1, h, w], logits; bbox_preds: per level [b, 4, h, w], deltas.
        input_shape: height, width of the input in pixels; boxes are clipped to it.
        Returns boxes [b, anchors, 4] x1 y1 x2 y2 in pixels of the input and scores [b, anchors] in 0..1, level by
        level, row by row.
        """
        first = cls_scores[0]
        anchors = self.prior_generator.grid_priors([m.shape[-2:] for m in cls_scores], first.dtype, first.device)
        scores = _flat(cls_scores)[..., 0].sigmoid() * _flat(centernesses)[..., 0].sigmoid()
        deltas = _flat(bbox_preds)
        coder = self.bbox_coder
        boxes = delta2bbox(torch.cat(anchors).repeat(len(first), 1), deltas.reshape(-1, 4), coder.means, coder.stds)
        height, width = input_shape
        # not new_tensor, which an export would store as a constant: it follows the size of the input
        limits = torch.cat([boxes.new_full((1,), side) for side in (width, height)]).repeat(2)
        return boxes.clamp(min=0).minimum(limits).reshape(deltas.shape), scores

    def predict_by_feat(
        self, cls_scores, bbox_preds, score_factors=None, batch_img_metas=None, cfg=None, rescale=False, with_nms=True
    ) -> list[InstanceData]:
        """Detections of each image, as mmdet expects them of a head. rescale: in pixels of the original image."""
        cfg = cfg or self.test_cfg
        boxes, scores = self.dense(cls_scores, bbox_preds, score_factors, batch_img_metas[0]["img_shape"][:2])
        results = []
        for b, s, meta in zip(boxes, scores, batch_img_metas, strict=True):
            if with_nms:
                rows = select_rows(b[None], s[None, None], cfg.max_per_img, cfg.nms.iou_threshold, cfg.score_thr)
                b, s = b[rows[:, 2]], s[rows[:, 2]]
            if rescale:
                b = b / b.new_tensor(meta["scale_factor"]).repeat(2)
            results.append(InstanceData(bboxes=b, scores=s, labels=torch.zeros_like(s, dtype=torch.long)))
        return results

    def loss_by_feat(
        self,
        cls_scores,
        bbox_preds,
        centernesses,
        batch_gt_instances,
        batch_img_metas,
        batch_gt_instances_ignore=None,
    ) -> dict[str, Tensor]:
        """The losses of mmdet's ATSSHead, each summed over the levels, in float32. Same arguments.

        Boxes and centerness are compared at all candidates of the assignment, whose number is known in advance; those
        that are not positive have weight 0.
        """
        boxes = [instances.bboxes for instances in batch_gt_instances]
        ignored = [boxes[0][:0] if i is None else i.bboxes for i in batch_gt_instances_ignore or [None] * len(boxes)]
        with torch.autocast(boxes[0].device.type, enabled=False):
            scores, deltas, centers = (_flat(m).flatten(0, 1).float() for m in (cls_scores, bbox_preds, centernesses))
            levels = self._anchor_grids(cls_scores)
            found = self.assigner.assign(levels, boxes, ignored)
            anchors = torch.cat([level.flatten(0, 1) for level in levels])
            anchors, faces = anchors[found.anchor % len(anchors)], torch.cat(boxes)[found.face]
            targets = centerness(anchors, faces, found.positive)
            positives, total = normalisers(found.learns, targets)
            decoded = decode(anchors, deltas[found.anchor], self.bbox_coder.means, self.bbox_coder.stds)
            labels, counted = (t.reshape(-1, 1).float() for t in (found.learns, ~found.ignored))
            weights = found.positive.float()
            return {
                "loss_cls": self.loss_cls(scores, labels, counted, avg_factor=positives),
                "loss_bbox": (self.loss_bbox(decoded, faces, reduction_override="none") * targets).sum() / total,
                "loss_centerness": self.loss_centerness(
                    centers[found.anchor, 0], targets, weights, avg_factor=positives
                ),
            }

    def _anchor_grids(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The anchors of each level [h, w, 4]. maps: per level [b, c, h, w]."""
        device, generator = maps[0].device, self.prior_generator
        # kept on the device: mmdet copies them in every call, which synchronizes host and device
        generator.base_anchors = [anchors.to(device) for anchors in generator.base_anchors]
        sizes = [m.shape[-2:] for m in maps]
        levels = generator.grid_priors(sizes, device=device)
        return [anchors.reshape(*size, 4) for anchors, size in zip(levels, sizes, strict=True)]


def _flat(levels: Sequence[Tensor]) -> Tensor:
    # [b, c, h, w] per level -> [b, sum of h*w, c]
    return torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)
