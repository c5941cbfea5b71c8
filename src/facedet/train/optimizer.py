"""The optimizer of a config and its schedules, built by mmengine."""

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import OPTIM_WRAPPERS, PARAM_SCHEDULERS
from torch import Tensor, nn

from facedet.detector.model import quiet


@OPTIM_WRAPPERS.register_module()
class FaceOptimWrapper(OptimWrapper):
    """mmengine's OptimWrapper without host-device synchronization.

    bfloat16: run the network in bfloat16 where that is accurate enough; weights, losses and updates stay in float32.
    mmengine's AmpOptimWrapper refuses CPUs. bfloat16 has the range of float32, so gradients need no scaling.
    grad_norm: of the last step, before clipping, on the device.
    """

    def __init__(self, *, bfloat16: bool = False, **settings: Any):
        super().__init__(**settings)
        self.bfloat16 = bfloat16
        self.grad_norm: Tensor | None = None
        # in the order of the network, before groups are merged: the norm is a sum in this order
        self._parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.requires_grad]

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16, enabled=self.bfloat16):
            yield

    def step(self, **kwargs: Any) -> None:
        """Clip the gradients and update the weights. mmengine also logs the norm, which synchronizes."""
        learning = [p for p in self._parameters if p.grad is not None]
        norm = self.clip_func(learning, **self.clip_grad_kwargs) if self.clip_grad_kwargs else None
        if norm is None:  # clipped by value, or not at all
            norm = nn.utils.get_total_norm([p.grad for p in learning if p.grad is not None])
        self.grad_norm = norm
        self.optimizer.step(**kwargs)


def build_optimizer(cfg: Config, network: nn.Module, iterations: int) -> OptimWrapper:
    """The config's optimizer in its wrapper. iterations: of the whole run."""
    with quiet():
        wrapper = build_optim_wrapper(network, cfg.optim_wrapper)
        merge_equal_groups(wrapper.optimizer)
        wrapper.initialize_count_status(network, 0, iterations)
    return wrapper


def merge_equal_groups(optimizer: torch.optim.Optimizer) -> None:
    """Merge parameter groups with equal settings: the optimizer updates all tensors of a group at once.

    `paramwise_cfg` makes a group for each parameter.
    """
    merged: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        settings = {name: value for name, value in group.items() if name != "params"}
        for other in merged:
            if settings == {name: value for name, value in other.items() if name != "params"}:
                other["params"] += group["params"]
                break
        else:
            merged.append({**settings, "params": list(group["params"])})
    optimizer.param_groups[:] = merged


def state_after_a_step(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Any]]:
    """What the optimizer's state of each parameter that learns looks like, by number: made by a step on zeros."""
    trial = copy.copy(optimizer)
    trial.state, trial.param_groups = defaultdict(dict), []
    for group in optimizer.param_groups:
        zeros = [torch.zeros_like(parameter) for parameter in group["params"]]
        for zero, parameter in zip(zeros, group["params"], strict=True):
            zero.grad = torch.zeros_like(zero) if parameter.requires_grad else None
        trial.param_groups.append({**group, "params": zeros})
    trial.step()
    return trial.state_dict()["state"]


def build_schedules(cfg: Config, optimizer: OptimWrapper, epoch_length: int) -> list[Any]:
    """The config's schedules. epoch_length: iterations of an epoch."""
    epochs = cfg.train_cfg.max_epochs
    schedules = []
    for settings in cfg.param_scheduler:
        end = epochs if settings.get("by_epoch", True) else epochs * epoch_length
        context = {"optimizer": optimizer, "epoch_length": epoch_length}
        schedules.append(PARAM_SCHEDULERS.build({"end": end, **settings}, default_args=context))
    return schedules
