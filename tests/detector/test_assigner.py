"""Assignment of anchors to faces."""

import pytest
import torch
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor

from facedet.detector import register
from facedet.detector.config import load_config

assert register  # with it, mmdet knows the assigner


def anchor_grids(height: int, width: int) -> list[Tensor]:
    generator = TASK_UTILS.build(load_config("tiny").model.bbox_head.anchor_generator)
    sizes = [(-(-height // s), -(-width // s)) for s, _ in generator.strides]
    levels = generator.grid_priors(sizes, device="cpu")
    return [anchors.reshape(*size, 4) for anchors, size in zip(levels, sizes, strict=True)]


def assign(levels: list[Tensor], faces: list[Tensor], ignored: list[Tensor]) -> Tensor:
    # as mmdet states it, [b, anchors]: 0 background, -1 ignored, otherwise the number of the face in its image
    found = TASK_UTILS.build(load_config("tiny").model.train_cfg.assigner).assign(levels, faces, ignored)
    result = -found.ignored.long()
    anchors, faces_before = result.shape[1], torch.tensor([0] + [len(f) for f in faces]).cumsum(0)
    anchor, face = found.anchor[found.positive], found.face[found.positive]
    assert len(anchor.unique()) == len(anchor) == found.learns.sum()
    assert not (found.learns & found.ignored).any()
    result.view(-1)[anchor] = face - faces_before[anchor // anchors] + 1
    return result


def assign_by_mmdet(levels: list[Tensor], faces: list[Tensor]) -> Tensor:
    priors = InstanceData(priors=torch.cat([level.flatten(0, 1) for level in levels]))
    counts = [level[..., 0].numel() for level in levels]
    images = [InstanceData(bboxes=f, labels=torch.zeros(len(f), dtype=torch.long)) for f in faces]
    assigner = TASK_UTILS.build(dict(type="ATSSAssigner", topk=9))
    return torch.stack([assigner.assign(priors, counts, image).gt_inds for image in images])


def random_faces(count: int, height: int, width: int) -> Tensor:
    # 0.5 to 256 px, some partly or fully outside the image
    centres = (torch.rand(count, 2) * 1.4 - 0.2) * torch.tensor([width, height])
    half = 2 ** (torch.rand(count, 2) * 9 - 2)
    return torch.cat([centres - half, centres + half], dim=1)


def boxes(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float).reshape(-1, 4)


@pytest.mark.parametrize("size", [(640, 640), (320, 320), (64, 64), (96, 352)])
def test_every_anchor_gets_the_face_that_mmdet_gives_it(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    levels, faces = anchor_grids(*size), [random_faces(n, *size) for n in (0, 1, 5, 40, 0)]
    ours = assign(levels, faces, [])
    assert torch.equal(ours, assign_by_mmdet(levels, faces))
    assert (ours > 0).sum() > 30


@pytest.mark.parametrize("size", [(320, 320), (64, 64), (96, 352)])
def test_the_first_of_equals_is_taken(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    faces = [random_faces(n, *size).round() for n in (1, 5, 40)]  # many centres are equally far from several anchors
    faces[1] = torch.cat([faces[1], faces[1]])
    levels = anchor_grids(*size)

    def first_topk(self: Tensor, k: int, dim: int, largest: bool) -> tuple[Tensor, Tensor]:
        values, indices = self.sort(dim=dim, descending=largest, stable=True)
        return values.narrow(dim, 0, k), indices.narrow(dim, 0, k)

    ours = assign(levels, faces, [])
    monkeypatch.setattr(Tensor, "topk", first_topk)  # torch leaves open which of equal values topk takes
    assert torch.equal(ours, assign_by_mmdet(levels, faces))


@pytest.mark.parametrize("side", [8, 12, 16, 22, 32, 120])
def test_nothing_that_would_learn_an_ignored_face_is_background(side: int) -> None:
    levels, face, other = anchor_grids(320, 320), boxes([20, 30, 60, 80]), boxes([151, 142, 151 + side, 142 + side])
    alone = assign(levels, [other], [])
    result = assign(levels, [face], [other])
    assert (result[alone > 0] == -1).all()
    assert (alone > 0).sum() > 0
    assert torch.equal(result == 1, assign(levels, [face], []) == 1)


def test_a_face_in_an_ignored_region_keeps_its_anchors() -> None:
    levels, face, region = anchor_grids(640, 640), boxes([200, 220, 240, 270]), boxes([100, 100, 500, 500])
    alone, inside = assign(levels, [face], []), assign(levels, [face], [region])
    assert torch.equal(alone == 1, inside == 1)
    assert (alone == 1).sum() > 10
    anchors = torch.cat([level.flatten(0, 1) for level in levels])
    x, y = ((anchors[:, :2] + anchors[:, 2:]) / 2).unbind(1)
    central = (x > 100) & (x < 500) & (y > 100) & (y < 500)
    assert (inside[0, central & (alone[0] == 0)] == -1).all()
    assert torch.equal(inside == -1, (central | (assign(levels, [region], [])[0] > 0)) & (alone == 0))


def test_ignored_faces_matter_in_their_own_image_only() -> None:
    levels, face, other = anchor_grids(320, 320), boxes([40, 40, 100, 110]), boxes([180, 180, 300, 300])
    alone, all_ignored, both, empty = assign(levels, [face, boxes(), face, boxes()], [boxes(), other, other, boxes()])
    assert (alone >= 0).all()
    assert (all_ignored <= 0).all()
    assert (all_ignored == -1).sum() > 900  # 30 x 30 anchors of stride 4 have their centres in it
    assert torch.equal(both, alone + all_ignored)
    assert (empty == 0).all()
