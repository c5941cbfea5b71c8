"""Schedules at other numbers of epochs."""

import pytest

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
            assert 0 <= step["begin"] < step["end"] <= epochs
            assert step.get("T_max", 1) > 0
            assert all(m <= epochs for m in step.get("milestones", []))
    assert any(step.get("end") == epochs for step in config.param_scheduler)
    assert epochs == 1 or any(step["type"] == "LinearLR" for step in config.param_scheduler), "the warm-up is lost"


def test_a_warm_up_in_steps_lasts_as_many_steps_if_batches_are_accumulated() -> None:
    config = load_config("face_detection_0206")
    warm_up, decay = config.param_scheduler
    before = dict(decay)
    set_accumulation(config, 8)
    assert (warm_up.begin, warm_up.end) == (0, 8 * 1200)
    assert dict(decay) == before
