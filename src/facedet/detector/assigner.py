"""ATSS assignment of anchors to faces, for a whole batch at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet.registry import TASK_UTILS
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from facedet.detector.boxes import centres, overlap_and_union


@dataclass(frozen=True)
class Assignment:
    """What each anchor learns. The candidates are the anchors near a face: `topk` of each level for each face.

    anchor [c]: an index into the batch's anchors, image by image. face [c]: an index into the batch's faces, image by
    image. positive [c]: whether the anchor learns the face; at most one candidate of an anchor does.
    learns [b, anchors]: whether the anchor learns a face. ignored [b, anchors]: it learns neither face nor background.
    """

    anchor: Tensor
    face: Tensor
    positive: Tensor
    learns: Tensor
    ignored: Tensor


@TASK_UTILS.register_module()
class FaceATSSAssigner:
    """Assigns like mmdet's ATSSAssigner, but without an anchors x faces matrix and without host-device synchronization.

    Among anchors equally far from a face, the first counts as the nearest; mmdet leaves that to torch. Ignored faces
    take no anchors from faces. Of the other anchors, those are ignored that would learn an ignored face or whose centre
    is inside one.
    """

    def __init__(self, topk: int, ignore_iof_thr: float | None = None):
        self.topk = topk  # ignore_iof_thr is a key of earlier checkpoints' configs and has no effect

    def assign(self, levels: Sequence[Tensor], faces: Sequence[Tensor], ignored: Sequence[Tensor]) -> Assignment:
        """levels: the anchors of each level [h, w, 4], which form a grid; faces, ignored: of each image [n, 4].

        All boxes are float32, x1 y1 x2 y2 in pixels of the input.
        """
        found = self._match(levels, faces)
        if not any(map(len, ignored)):
            return Assignment(*found, torch.zeros_like(found[-1]))
        *_, near_ignored = self._match(levels, ignored)
        return Assignment(*found, (near_ignored | _inside_any(levels, ignored)) & ~found[-1])

    def _match(self, levels: Sequence[Tensor], faces: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        # anchor, face, positive, learns of Assignment
        anchors = torch.cat([level.flatten(0, 1) for level in levels])
        boxes = torch.cat(list(faces))
        nearest = self._nearest(levels, boxes)
        near = anchors[nearest]
        overlap, union = overlap_and_union(near, boxes)
        iou = overlap / union
        spread = iou.std(0) if len(boxes) else 0  # torch warns about the standard deviation of an empty tensor
        positive = (iou >= iou.mean(0) + spread) & _centre_inside(near, boxes)
        first = torch.cat([nearest.new_full((len(f),), i * len(anchors)) for i, f in enumerate(faces)])
        face = torch.arange(len(boxes), device=boxes.device).expand_as(nearest)
        anchor, face, iou, positive = (t.flatten() for t in (nearest + first, face, iou, positive))
        positive, learns = _one_face_each(anchor, face, iou, positive, len(faces) * len(anchors))
        return anchor, face, positive, learns.reshape(len(faces), -1)

    def _nearest(self, levels: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """The anchors of an image whose centres are nearest to those of the boxes: indices [topk x levels, boxes]."""
        points = centres(boxes)
        nearest, start = [], 0
        for level in levels:
            height, width = level.shape[:2]
            x, dx = _nearest_lines(centres(level[0])[:, 0], points[:, 0], self.topk)
            y, dy = _nearest_lines(centres(level[:, 0])[:, 1], points[:, 1], self.topk)
            distance = (dx.square()[:, None] + dy.square()[:, :, None]).sqrt().flatten(1)
            index = (x[:, None] + y[:, :, None] * width).flatten(1)
            # non-negative floats sort like their bits: one integer sorts by distance, then by index
            key = distance.view(torch.int32).long() << 32 | index
            key = key.topk(min(self.topk, height * width), largest=False).values
            nearest.append((key & 0xFFFFFFFF).T + start)
            start += height * width
        return torch.cat(nearest)


def _nearest_lines(lines: Tensor, points: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The columns (or rows) that contain the `count` anchors nearest to each point: indices and distances [points, k].

    One more than `count`, because two lines can be at the same distance.
    """
    distances, indices = (lines - points[:, None]).abs().topk(min(count + 1, len(lines)), largest=False)
    return indices, distances


def _one_face_each(anchor: Tensor, face: Tensor, iou: Tensor, positive: Tensor, anchors: int) -> tuple[Tensor, Tensor]:
    """Keep for each anchor only the face with the highest IoU, the first on a tie: positive, and learns [anchors]."""
    best = iou.new_full((anchors,), -1).scatter_reduce(0, anchor, iou.where(positive, -1), "amax")
    positive = positive & (iou == best[anchor])
    none = torch.iinfo(face.dtype).max
    owner = face.new_full((anchors,), none).scatter_reduce(0, anchor, face.where(positive, none), "amin")
    return positive & (face == owner[anchor]), owner < none


def _inside_any(levels: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
    """Whether the centre of an anchor is inside a box of its image: [b, anchors]."""
    x1, y1, x2, y2 = pad_sequence(list(boxes), batch_first=True)[..., None].unbind(2)  # nothing is inside the padding
    inside = []
    for level in levels:
        x, y = centres(level[0])[:, 0], centres(level[:, 0])[:, 1]
        columns, rows = (x > x1) & (x < x2), (y > y1) & (y < y2)
        inside.append((rows.float().mT @ columns.float()).flatten(1) > 0)
    return torch.cat(inside, dim=1)


def _centre_inside(anchors: Tensor, boxes: Tensor) -> Tensor:
    middle = centres(anchors)
    return torch.cat([middle - boxes[:, :2], boxes[:, 2:] - middle], dim=-1).amin(-1) > 0.01
