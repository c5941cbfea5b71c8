"""ATSS assignment that also handles images in which every face is ignored."""

from mmdet.models.task_modules.assigners import AssignResult, ATSSAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData


@TASK_UTILS.register_module()
class FaceATSSAssigner(ATSSAssigner):
    """mmdet's ATSSAssigner skips ignored boxes if an image has no other boxes, so their anchors would be background."""

    def assign(
        self,
        pred_instances: InstanceData,
        num_level_priors: list[int],
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
    ) -> AssignResult:
        result = super().assign(pred_instances, num_level_priors, gt_instances, gt_instances_ignore)
        if len(gt_instances) == 0 and gt_instances_ignore is not None and len(gt_instances_ignore) > 0:
            covered = self.iou_calculator(pred_instances.priors, gt_instances_ignore.bboxes, mode="iof")
            result.gt_inds[covered.max(dim=1).values > self.ignore_iof_thr] = -1
        return result
