"""The optimizer: precision, clipping, merged groups."""

from pathlib import Path

import pytest
import torch

from facedet.detector.config import load_config
from facedet.detector.model import build_detector
from facedet.train.configure import choose_precision, override
from facedet.train.optimizer import build_optimizer
from facedet.train.options import TrainingOptions


@pytest.mark.parametrize("amp", ["on", "off"])
def test_the_optimizer_computes_in_the_wanted_precision_and_clips(quick: Path, amp: str) -> None:
    config = load_config(quick)
    override(config, TrainingOptions(quick, "", "", work_dir=""))
    config.optim_wrapper.clip_grad = {"max_norm": 1.0}
    precision = choose_precision(config, amp, "cpu")
    layer = torch.nn.Linear(3, 3)
    wrapper = build_optimizer(config, layer, 1)
    with wrapper.optim_context(layer):
        out = layer(torch.ones(1, 3))
    assert str(out.dtype) == f"torch.{precision}"
    layer.weight.grad = torch.full_like(layer.weight, 9.0)
    wrapper.optimizer.step = lambda: None
    wrapper.step()
    torch.testing.assert_close(layer.weight.grad.norm(), torch.tensor(1.0))
    torch.testing.assert_close(wrapper.grad_norm, torch.tensor(27.0))


@pytest.mark.parametrize(("name", "groups"), [("tiny", 2), ("finetune", 2), ("face_detection_0206", 1)])
def test_parameters_with_equal_settings_are_one_group(name: str, groups: int) -> None:
    config = load_config(name)
    config.model.backbone.depth = 18
    config.model.neck.in_channels = [64, 128, 256, 512]
    network = build_detector(config)
    merged = build_optimizer(config, network, 1).optimizer.param_groups
    assert len(merged) == groups
    names = {parameter: name for name, parameter in network.named_parameters()}
    found = {names[p]: (group["lr"], group["weight_decay"]) for group in merged for p in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in merged) == len(names)
    for parameter, name in names.items():
        rate, decay = config.optim_wrapper.optimizer.lr, config.optim_wrapper.optimizer.weight_decay
        if config.optim_wrapper.get("paramwise_cfg", {}).get("custom_keys") and name.startswith("backbone"):
            rate *= 0.1
        if config.optim_wrapper.get("paramwise_cfg", {}).get("norm_decay_mult") == 0 and parameter.ndim == 1:
            decay = 0.0
        assert found[name] == pytest.approx((rate, decay))
