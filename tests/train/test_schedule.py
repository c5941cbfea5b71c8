"""Schedules at other numbers of epochs."""

import copy

import pytest

from facedet.common.errors import UserError
from facedet.detector.config import load_config
from facedet.train.schedule import set_accumulation, set_epochs


@pytest.mark.parametrize("name", ["face_detection_0206", "finetune", "tiny"])
@pytest.mark.parametrize("epochs", [1, 2, 7, 100])
def test_schedules_scale_with_the_epochs(name: str, epochs: int) -> None:
    config = load_config(name)
    set_epochs(config, epochs)
    assert config.train_cfg.max_epochs == epochs
    for step in config.param_scheduler:
        if step.get("by_epoch"):
            assert 0 <= step["begin"] < step.get("end", epochs) <= epochs
            assert step.get("T_max", 1) > 0
            assert all(m <= epochs for m in step.get("milestones", []))
    assert any(step.get("end", epochs) == epochs for step in config.param_scheduler)
    assert epochs == 1 or any(step["type"] == "LinearLR" for step in config.param_scheduler), "the warm-up is lost"


@pytest.mark.parametrize(
    ("schedule", "key"),
    [
        ({"type": "StepLR", "step_size": 5}, "StepLR.step_size"),
        ({"type": "StepLR", "step_size": 5, "by_epoch": True, "convert_to_iter_based": True}, "StepLR.step_size"),
        ({"type": "CosineRestartLR", "periods": [5, 5], "eta_min": 0}, "CosineRestartLR.periods"),
        ({"type": "ExponentialLR", "gamma": 0.9}, "ExponentialLR.gamma"),
        ({"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 40}, "OneCycleLR.eta_max"),
    ],
)
def test_a_schedule_that_cannot_be_scaled_is_refused(schedule: dict, key: str) -> None:
    config = load_config("tiny")
    config.param_scheduler = [schedule]
    set_epochs(config, 40)  # as many as planned
    with pytest.raises(UserError, match=rf"tiny\.py: {key} cannot be scaled to 7 epochs"):
        set_epochs(config, 7)
    config.param_scheduler[0].by_epoch = False
    with pytest.raises(UserError, match=rf"tiny\.py: {key} cannot be scaled to 7 epochs"):
        set_epochs(config, 7)  # in iterations, it would end or repeat too early
    with pytest.raises(UserError, match=rf"tiny\.py: {key} cannot be scaled to 2 iterations in a step"):
        set_accumulation(config, 2)


def test_a_schedule_within_the_run_keeps_its_share() -> None:
    config = load_config("tiny")
    config.param_scheduler = [
        {"type": "CosineAnnealingLR", "begin": 10, "end": 20, "T_max": 10, "eta_min": 0},
        {"type": "CosineAnnealingLR", "begin": 20, "T_max": 5, "eta_min": 0},
        {"type": "CosineAnnealingLR", "begin": 0, "end": 40, "T_max": 40, "eta_min": 0},
        {"type": "LinearLR", "by_epoch": False, "start_factor": 0.1, "begin": 0, "end": 100},
    ]
    planned = copy.deepcopy(config.param_scheduler)
    set_epochs(config, 40)
    assert config.param_scheduler == planned
    set_epochs(config, 80)
    assert config.param_scheduler == [
        {"type": "CosineAnnealingLR", "begin": 20, "end": 40, "eta_min": 0},  # which is T_max too
        {"type": "CosineAnnealingLR", "begin": 40, "T_max": 10, "eta_min": 0},
        {"type": "CosineAnnealingLR", "begin": 0, "eta_min": 0},
        {"type": "LinearLR", "by_epoch": False, "start_factor": 0.1, "begin": 0, "end": 100},
    ]


@pytest.mark.parametrize("key", ["T_max", "milestones"])
def test_a_schedule_in_iterations_is_not_left_as_it_is(key: str) -> None:
    config = load_config("tiny")
    config.param_scheduler = [{"type": "AnyLR", "by_epoch": False, key: [9] if key == "milestones" else 9}]
    with pytest.raises(UserError, match=rf"AnyLR\.{key} cannot be scaled to 7 epochs"):
        set_epochs(config, 7)


def test_a_warm_up_in_steps_lasts_as_many_steps_if_batches_are_accumulated() -> None:
    config = load_config("face_detection_0206")
    warm_up, decay = config.param_scheduler
    before = dict(decay)
    set_accumulation(config, 8)
    assert (warm_up.begin, warm_up.end) == (0, 8 * 1200)
    assert dict(decay) == before
