"""--recipe continue: the network of the checkpoint, a short schedule at a low rate, and what the result says of it."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.data.dataset import DatasetSource
from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.train.configure import configure
from facedet.train.options import TrainingOptions
from facedet.train.setup import build_run
from facedet.train.used_data import data_licences, data_names
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import write_torch_file
from facedet.weights.training_record import Ancestor


@pytest.fixture(scope="module")
def start(narrow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of `narrow` that was itself started from something."""
    config, path = load_config(narrow), tmp_path_factory.mktemp("start") / "start.pth"
    meta = {META_KEY: network_to_json(config), "lineage": [{"weights": "random weights", "sha256": ""}]}
    meta |= {"epoch": 3, "data": [{"images": 2, "faces": 3, "digest": "a" * 64}] * 2, "data_names": ["a", "b"]}
    meta |= {"data_licences": ["CC BY-NC 4.0 (data.yaml)", ""]}
    write_torch_file({"state_dict": dict(build_detector(config).state_dict()), "meta": meta}, path)
    return path


def options(start: Path, drawn: Path, config: Any = None, **more: Any) -> TrainingOptions:
    return TrainingOptions(
        config, drawn / "val.json", drawn / "val.json", work_dir="", weights=start, recipe="continue", workers=0, **more
    )


def test_it_trains_the_network_of_the_checkpoint(start: Path, drawn: Path, narrow: Path) -> None:
    chosen = options(start, drawn)
    run = build_run(configure(chosen, resume=False), chosen, "cpu", None)
    assert (run.cfg.input_size, run.epochs, run.measures_start) == (64, 10, True)
    assert run.cfg.model.backbone.norm_eval is True
    assert {group["initial_lr"] for group in run.state.optimizer.param_groups} == {1e-4}
    assert run.state.optimizer.param_groups[0]["lr"] == pytest.approx(1e-6)  # the warm-up has begun
    random = Ancestor("random weights")
    assert run.lineage == [Ancestor("all weights of start.pth", sha256(start), "CC BY-NC 4.0 (data.yaml)"), random]


def test_options_change_it(start: Path, drawn: Path) -> None:
    cfg = configure(options(start, drawn, seed=3, batch_size=2), resume=False)
    assert (cfg.randomness.seed, cfg.train_dataloader.batch_size) == (3, 2)


def test_a_config_must_describe_the_same_network(start: Path, drawn: Path, narrow: Path, quick: Path) -> None:
    cfg = configure(options(start, drawn, narrow), resume=False)
    assert cfg.train_dataloader.batch_size == 8  # the config's
    assert cfg.train_cfg.max_epochs == 10  # the recipe's
    with pytest.raises(UserError, match=r"start\.pth: its network differs from .*quick\.py: input_size is 64, not 96"):
        configure(options(start, drawn, quick), resume=False)


def test_a_network_that_a_file_may_not_ask_for_needs_its_config(narrow: Path, drawn: Path, tmp_path: Path) -> None:
    foreign = network_to_json(load_config(narrow)).replace('"RSSHFPN"', '"FPN"')
    write_torch_file({"state_dict": {}, "meta": {META_KEY: foreign}}, tmp_path / "own.pth")
    with pytest.raises(UserError, match=r"own\.pth: its network .*; give its config: facedet train CONFIG --recipe"):
        configure(options(tmp_path / "own.pth", drawn), resume=False)


def test_names_of_data_have_no_folders(start: Path, drawn: Path) -> None:
    assert data_names(options(start, drawn)) == ["val.json", "val.json"]


def test_of_several_datasets_each_states_its_own_licence(start: Path, drawn: Path, tmp_path: Path) -> None:
    free = tmp_path / "free"
    free.mkdir()
    shutil.copy(drawn / "val.json", free)
    (free / "LICENSE").write_text("MIT License\n")
    given = options(start, drawn)
    assert data_licences(given) == ["", ""]
    assert data_licences(replace(given, val=DatasetSource(free))) == ["", "MIT License (LICENSE)"]
    both = replace(given, train=[DatasetSource(free), DatasetSource(drawn / "train.json")])
    assert data_licences(both)[0] == "free: MIT License (LICENSE); train.json: none"
