"""How a run begins: what its seed decides, and how its schedule follows the size of the dataset and of a step."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.train.configure import configure, override
from facedet.train.options import TrainingOptions
from facedet.train.setup import build_run, fit_schedule
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import write_torch_file


def initial_weights(config: Path, drawn: Path, seed: int) -> dict[str, Tensor]:
    options = TrainingOptions(config, drawn / "train.json", drawn / "val.json", work_dir="", seed=seed)
    return build_run(configure(options, resume=False), options, "cpu", None).state.network.state_dict()


def test_the_seed_decides_the_initial_weights(drawn: Path, quick: Path) -> None:
    first, again, other = (initial_weights(quick, drawn, seed) for seed in (0, 0, 1))
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    drawn_at_random = [name for name in first if name.endswith("conv1.weight")]
    assert len(drawn_at_random) == 9
    assert not any(torch.equal(first[name], other[name]) for name in drawn_at_random)


def test_the_start_is_measured_if_its_weights_are_those_of_a_detector(
    drawn: Path, narrow: Path, tmp_path: Path
) -> None:
    config = load_config(narrow)
    state = build_detector(config).state_dict()
    write_torch_file({"state_dict": dict(state), "meta": {META_KEY: network_to_json(config)}}, tmp_path / "start.pth")
    given = {"weights": tmp_path / "start.pth"}
    for more, measured in (({}, False), (given, True), ({**given, "allow_partial": True}, False)):
        options = TrainingOptions(narrow, drawn / "val.json", drawn / "val.json", work_dir="", workers=0, **more)
        assert build_run(configure(options, resume=False), options, "cpu", None).measures_start == measured


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("finetune", {}, 0.001),
        ("finetune", {"batch_size": 8, "accumulate": 2}, 0.004),
        ("face_detection_0206", {"batch_size": 10}, 0.0125),
        ("tiny", {"batch_size": 16}, 0.001),  # AdamW: it stays
    ],
)
def test_the_learning_rate_follows_the_images_of_a_step(name: str, options: dict, expected: float) -> None:
    cfg = load_config(name)
    override(cfg, TrainingOptions(name, "", "", work_dir="", **options))
    fit_schedule(cfg, images=100, epochs=None)
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(expected)


@pytest.mark.parametrize(("images", "batch_size", "epochs"), [(84, 4, 72), (84, 8, 137), (20_000, 4, 20)])
def test_a_small_dataset_gets_more_epochs(images: int, batch_size: int, epochs: int) -> None:
    cfg = load_config("finetune")
    override(cfg, TrainingOptions("finetune", "", "", work_dir="", batch_size=batch_size))
    fit_schedule(cfg, images, epochs=None)
    assert cfg.train_cfg.max_epochs == epochs
    assert epochs * -(-images // batch_size) >= cfg.train_cfg.min_steps == 1500
