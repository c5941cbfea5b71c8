"""Time to assign anchors to the faces of a batch of 5 images at 640x640: mmdet's ATSSAssigner and ours.

    python bench/assigner.py > bench/results/assigner.txt

Draws faces of 8 to 88 px, checks that both assign the same anchors, and runs them alternately.
"""

import platform
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor

from facedet.configs import RELEASED
from facedet.detector import register
from facedet.detector.config import load_config

assert register  # with it, mmdet knows our assigner
_SIZE, _IMAGES, _RUNS = 640, 5, 5
_FACES = (2, 30, 300)  # in each image


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # other processes disturb one thread less than several that wait for each other
    model = load_config(RELEASED).model
    generator = TASK_UTILS.build(model.bbox_head.anchor_generator)
    sizes = [(_SIZE // stride, _SIZE // stride) for stride, _ in generator.strides]
    levels = [a.reshape(*s, 4) for a, s in zip(generator.grid_priors(sizes, device="cpu"), sizes, strict=True)]
    ours, theirs = TASK_UTILS.build(model.train_cfg.assigner), TASK_UTILS.build(dict(type="ATSSAssigner", topk=9))
    print(
        f"{_IMAGES} images at {_SIZE}x{_SIZE} ({platform.machine()}, 1 thread, torch {torch.__version__}), "
        f"fastest of {_RUNS} runs"
    )
    for count in _FACES:
        faces = [_draw(count) for _ in range(_IMAGES)]
        old, new = _times_ms(partial(_with_mmdet, theirs, levels, faces), partial(_with_ours, ours, levels, faces))
        print(f"{count:3} faces an image: mmdet {old:5.0f} ms, ours {new:5.1f} ms, speed-up {old / new:.0f}")


def _with_mmdet(assigner: Any, levels: list[Tensor], faces: list[Tensor]) -> Tensor:
    """Whether each anchor learns a face: [images, anchors]."""
    priors = InstanceData(priors=torch.cat([level.flatten(0, 1) for level in levels]))
    counts = [level[..., 0].numel() for level in levels]
    images = [InstanceData(bboxes=f, labels=torch.zeros(len(f), dtype=torch.long)) for f in faces]
    return torch.stack([assigner.assign(priors, counts, image).gt_inds > 0 for image in images])


def _with_ours(assigner: Any, levels: list[Tensor], faces: list[Tensor]) -> Tensor:
    return assigner.assign(levels, faces, []).learns


def _draw(count: int) -> Tensor:
    centres, sides = torch.rand(count, 2) * _SIZE, 8 + torch.rand(count, 2) * 80
    return torch.cat([centres - sides / 2, centres + sides / 2], dim=1)


def _times_ms(*functions: Callable[[], Tensor]) -> list[float]:
    """The fastest run of each. The functions must return the same."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(_RUNS):
        results = []
        for function, measured in zip(functions, times, strict=True):
            start = time.perf_counter()
            results.append(function())
            measured.append(1000 * (time.perf_counter() - start))
        assert all(torch.equal(results[0], result) for result in results)
    return [min(measured) for measured in times]


if __name__ == "__main__":
    main()
