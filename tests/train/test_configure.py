"""The config with what the caller of a training run chooses."""

from pathlib import Path
from typing import Any

import pytest

from facedet.common.errors import UserError
from facedet.detector.config import load_config
from facedet.train import configure as module
from facedet.train.configure import choose_precision, choose_workers, configure, override
from facedet.train.options import TrainingOptions


def options(config: str | Path = "tiny", **more: Any) -> TrainingOptions:
    return TrainingOptions(config, "train", "val", work_dir="", **more)


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
    monkeypatch.setattr(module, "core_count", lambda: cores)
    monkeypatch.setattr(module, "shared_memory", lambda: memory)
    monkeypatch.setattr(module, "sharing_cores", lambda: sharing)
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
    override(config, options())
    assert config.train_cfg.accumulate == 3
    override(config, options(accumulate=2))
    assert config.optim_wrapper.accumulative_counts == 2


def test_options_that_do_not_work_together_are_refused(quick: Path) -> None:
    with pytest.raises(UserError, match="--compile --checkpoint-gradients: give one of them"):
        override(load_config(quick), options(compile=True, checkpoint_gradients=True))


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("custom_hooks = [dict(type='EMAHook')]", "custom_hooks"),
        ("visualizer = dict(type='Visualizer')", "visualizer"),
        ("default_hooks = dict(logger=dict(type='LoggerHook'))", "default_hooks"),
        ("train_cfg = dict(val_begin=50)", "train_cfg.val_begin"),
        ("train_cfg = dict(dynamic_intervals=[(1, 2)])", "train_cfg.dynamic_intervals"),
        ("train_cfg = dict(type='EpochBasedTrainLoop')", "train_cfg.type"),
        ("train_cfg = dict(by_epoch=False)", "train_cfg.by_epoch"),
        ("val_cfg = dict(fp16=True)", "val_cfg.fp16"),
        ("env_cfg = dict(mp_cfg=dict(mp_start_method='spawn'))", "env_cfg.mp_cfg"),
        ("randomness = dict(diff_rank_seed=True)", "randomness.diff_rank_seed"),
        ("val_dataloader = dict(sampler=dict(type='ClassAwareSampler'))", "val_dataloader.sampler.type"),
        ("val_dataloader = dict(sampler=dict(shuffle=True))", "val_dataloader.sampler.shuffle"),
        ("train_dataloader = dict(sampler=dict(type='DefaultSampler'))", "DefaultSampler, not OrderSampler"),
        ("train_dataloader = dict(sampler=dict(full_size_form=0.5))", "train_dataloader.sampler.full_size_form"),
        ("train_dataloader = dict(persistent_workers=True)", "train_dataloader.persistent_workers"),
        ("val_dataloader = dict(persistent_workers=True)", "val_dataloader.persistent_workers"),
    ],
)
def test_keys_without_effect_are_refused_by_name(line: str, key: str, quick: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.py"
    config.write_text(f"_base_ = {str(quick)!r}\n{line}\n")
    with pytest.raises(UserError, match=key) as error:
        configure(options(config), resume=False)
    assert str(config) in str(error.value)
    assert "\n" not in str(error.value)


def test_custom_imports_that_do_not_exist_are_named(quick: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.py"
    config.write_text(f"_base_ = {str(quick)!r}\ncustom_imports = dict(imports=['no_such_module_here'])\n")
    with pytest.raises(UserError, match=r"mine\.py: custom_imports: .*no_such_module_here"):
        configure(options(config), resume=False)


def test_one_schedule_needs_no_list(quick: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.py"
    config.write_text(
        f"_base_ = {str(quick)!r}\nparam_scheduler = dict(_delete_=True, type='ConstantLR', factor=1.0)\n"
    )
    assert [step.type for step in configure(options(config), resume=False).param_scheduler] == ["ConstantLR"]
