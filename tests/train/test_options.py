"""What the caller of a training run chooses beside its config."""

from pathlib import Path

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from facedet.common.errors import UserError
from facedet.detector.config import load_config
from facedet.train import options
from facedet.train.options import Options, choose_precision, choose_workers, override


@pytest.mark.parametrize(
    ("workers", "device", "cores", "sharing", "memory", "expected"),
    [
        (None, "cpu", 64, 1, 2**40, (2, 1)),
        (None, "cuda:0", 12, 1, 2**40, (12, 12)),
        (None, "cuda:0", 12, 4, 2**40, (3, 3)),
        (None, "cuda:0", 128, 2, 2**40, (16, 16)),
        (None, "cuda:0", 8, 8, 2**40, (2, 1)),
        (None, "cuda:0", 12, 1, 2**26, (3, 3)),  # Docker's 64 MB; a worker holds 15 batches of 1.2 MB
        (0, "cuda:0", 12, 1, 2**40, (0, 0)),
        (5, "cpu", 12, 1, 2**40, (5, 5)),
    ],
)
def test_gpus_get_the_cores_for_reading_images(
    workers: int | None,
    device: str,
    cores: int,
    sharing: int,
    memory: int,
    expected: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(options, "core_count", lambda: cores)
    monkeypatch.setattr(options, "shared_memory", lambda: memory)
    monkeypatch.setattr(options, "sharing_cores", lambda: sharing)
    config = load_config("face_detection_0206")
    choose_workers(config, workers, device)
    assert (config.train_dataloader.num_workers, config.val_dataloader.num_workers) == expected


def test_a_config_with_an_optimizer_wrapper_of_its_own_chooses_the_precision(quick: Path) -> None:
    config = load_config(quick)
    config.optim_wrapper.type = "AmpOptimWrapper"
    assert choose_precision(config, "auto", "cpu") == "the precision of AmpOptimWrapper"
    for amp in ("on", "off"):
        with pytest.raises(
            UserError, match=r"quick\.py chooses the precision itself, by optim_wrapper\.type AmpOptimW"
        ):
            choose_precision(config, amp, "cpu")


def test_mmengines_key_for_accumulation_counts(quick: Path) -> None:
    config = load_config(quick)
    config.optim_wrapper.accumulative_counts = 3
    override(config, Options())
    assert config.train_cfg.accumulate == 3
    override(config, Options(accumulate=2))
    assert config.optim_wrapper.accumulative_counts == 2


def test_options_that_do_not_work_together_are_refused(quick: Path) -> None:
    with pytest.raises(UserError, match="--compile --checkpoint-gradients: give one of them"):
        override(load_config(quick), Options(compile=True, checkpoint_gradients=True))


@pytest.mark.parametrize("amp", ["on", "off"])
def test_the_optimizer_computes_in_the_wanted_precision_and_clips(quick: Path, amp: str) -> None:
    config = load_config(quick)
    override(config, Options())
    config.optim_wrapper.clip_grad = {"max_norm": 1.0}
    precision = choose_precision(config, amp, "cpu")
    layer = torch.nn.Linear(3, 3)
    wrapper = build_optim_wrapper(layer, config.optim_wrapper)
    with wrapper.optim_context(layer):
        out = layer(torch.ones(1, 3))
    assert str(out.dtype) == f"torch.{precision}"
    layer.weight.grad = torch.full_like(layer.weight, 9.0)
    wrapper._clip_grad()
    torch.testing.assert_close(layer.weight.grad.norm(), torch.tensor(1.0))
