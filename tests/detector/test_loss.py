"""The loss: equal to mmdet's, in float32, and computed without the host waiting for a GPU."""

from collections import Counter
from contextlib import nullcontext

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from facedet.detector import register
from facedet.detector.config import load_config

assert register  # with it, mmdet knows the head

SIZE = 128
# no centre is equally far from two anchors: mmdet's loss depends on which of them torch takes
BOXES = [[20.3, 30.1, 60.2, 80.5], [25.7, 31.3, 66.9, 81.2], [90.4, 12.8, 99.3, 24.1], [-10.6, 100.9, 30.3, 140.2]]
BATCHES = {"faces": [BOXES, [], BOXES[1:3]], "no faces": [[], []], "one image": [BOXES]}


def our_head() -> nn.Module:
    model = load_config("tiny").model
    return MODELS.build(dict(model.bbox_head, train_cfg=model.train_cfg, test_cfg=model.test_cfg))


def mmdets_head() -> nn.Module:
    from mmdet.models.losses import GIoULoss  # not before mmcv's operators are substituted

    model = load_config("tiny").model
    train_cfg = dict(assigner=dict(type="ATSSAssigner", topk=9), allowed_border=-1, pos_weight=-1)
    head = MODELS.build(dict(model.bbox_head, type="ATSSHead", train_cfg=train_cfg))
    head.loss_bbox = GIoULoss(loss_weight=2.0)  # the registered one is ours
    return head


def outputs(images: int, dtype: torch.dtype = torch.float, device: str = "cpu") -> list[list[Tensor]]:
    torch.manual_seed(0)
    sizes = [SIZE // s for s in (4, 8, 16, 32, 64)]
    maps = [[torch.randn(images, c, s, s) for s in sizes] for c in (1, 4, 1)]
    return [[m.to(device, dtype).requires_grad_() for m in levels] for levels in maps]


def instances(images: list[list], device: str = "cpu") -> list[InstanceData]:
    tensors = [torch.tensor(rows, dtype=torch.float).reshape(-1, 4).to(device) for rows in images]
    return [InstanceData(bboxes=t, labels=torch.zeros(len(t), dtype=torch.long, device=device)) for t in tensors]


def losses(head: nn.Module, maps: list[list[Tensor]], faces: list[InstanceData], ignored=None) -> dict[str, Tensor]:
    meta = {"img_shape": (SIZE, SIZE), "pad_shape": (SIZE, SIZE)}
    found = head.loss_by_feat(*maps, faces, [meta] * len(faces), ignored)
    return {name: sum(loss) if isinstance(loss, list) else loss for name, loss in found.items()}


def gradients(found: dict[str, Tensor], maps: list[list[Tensor]]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(sum(found.values()), [m for levels in maps for m in levels])


class Waits(TorchDispatchMode):
    """Counts what makes the host wait for a GPU: reading a value, shapes that depend on values, copies to the GPU."""

    def __init__(self):
        super().__init__()
        self.found = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name, kwargs = func._schema.name.removeprefix("aten::"), kwargs or {}
        selects = name in ("index", "index_put", "index_put_") and any(
            i is not None and i.dtype == torch.bool for i in args[1]
        )
        copies = name == "_to_copy" and kwargs.get("device") not in (None, args[0].device)
        if selects or copies or name in ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh"):
            self.found[name] += 1  # lift_fresh: a tensor of Python numbers
        return func(*args, **kwargs)


@pytest.mark.parametrize("name", BATCHES)
def test_losses_and_gradients_equal_mmdets(name: str) -> None:
    faces = instances(BATCHES[name])
    maps = outputs(len(faces))
    ours, theirs = losses(our_head(), maps, faces), losses(mmdets_head(), maps, faces)
    assert ours.keys() == theirs.keys() == {"loss_cls", "loss_bbox", "loss_centerness"}
    assert (ours["loss_bbox"] > 0) == (name != "no faces")
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(gradients(ours, maps), gradients(theirs, maps), rtol=1e-5, atol=1e-7)


def test_ignored_anchors_have_no_classification_loss() -> None:
    maps, (nothing,) = outputs(1), instances([[]])
    (some,) = instances([[[40, 40, 100, 90]]])
    first, *_ = gradients(losses(our_head(), maps, [nothing], [some]), maps)
    assert (first[0, 0, 11:23, 11:25] == 0).all()
    assert (first[0, 0, :10] != 0).all()
    none = losses(our_head(), maps, [nothing], [None])
    torch.testing.assert_close(none, losses(our_head(), maps, [nothing]))


@pytest.mark.parametrize("device", ["cpu", "meta"])  # meta: shows copies to a device, and cannot read values
def test_the_host_never_waits(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if device == "meta":
        monkeypatch.setattr(torch, "autocast", lambda kind, enabled: nullcontext())  # it does not know meta
    faces, ignored = instances(BATCHES["faces"], device), instances([[], BOXES[:1], BOXES[3:]], device)
    head, maps = our_head(), outputs(3, device=device)
    losses(head, maps, faces, ignored)  # moves the base anchors
    with Waits() as waits:
        gradients(losses(head, maps, faces, ignored), maps)
    assert not waits.found
    if device == "cpu":
        with waits:
            gradients(losses(mmdets_head(), maps, faces), maps)
        assert waits.found["nonzero"] > 10
        assert waits.found["_local_scalar_dense"] > 10


def test_the_loss_is_computed_in_float32() -> None:
    faces = instances(BATCHES["faces"])
    maps = outputs(3, torch.bfloat16)
    exact = losses(our_head(), [[m.float() for m in levels] for levels in maps], faces)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = losses(our_head(), maps, faces)
    torch.testing.assert_close(mixed, exact, rtol=0, atol=0)


def test_the_losses_are_divided_by_means_over_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, maps = instances(BATCHES["faces"]), outputs(3)
    alone, reduced = losses(our_head(), maps, faces), []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor, op: reduced.append(tensor))  # the other has 0
    both = losses(our_head(), maps, faces)
    assert [tensor.shape for tensor in reduced] == [(2,)]
    torch.testing.assert_close(both, {name: 2 * loss for name, loss in alone.items()})
