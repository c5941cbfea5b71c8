"""Configs: unknown settings are reported, and a checkpoint's config is harmless."""

import json
import re
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.configs import FOLDER
from facedet.detector.config import load_config, network_from_json, network_to_json
from facedet.detector.model import build_detector

CONFIGS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_builds_and_states_its_input_size_once(name: str) -> None:
    config = load_config(name)
    code = (FOLDER / f"{name}.py").read_text().split('"""')[2]
    assert len(re.findall(rf"\b{config.input_size}\b", code)) <= 1
    again = network_from_json(network_to_json(config))
    assert again.model == config.model
    build_detector(again)


def test_unknown_settings_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\nmodel = dict(neck=dict(chanels=3))\n")
    with pytest.raises(UserError, match=r"mine\.py: the model cannot be built .*chanels"):
        build_detector(load_config(path))
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\ntrain_dataloder = dict(batch_size=3)\n")
    with pytest.raises(UserError, match="unknown key 'train_dataloder'; did you mean 'train_dataloader'"):
        load_config(path)
    path.write_text("model = (")
    with pytest.raises(UserError, match=r"mine\.py: not a config"):
        load_config(path)
    with pytest.raises(UserError, match="no such config; give a file or one of"):
        load_config("tinny")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("auto_scale_lr = dict(enabled=True)", "auto_scale_lr: unknown key 'enabled'; did you mean 'enable'"),
        ("model = dict(test_cfg=dict(scor_thr=0.5))", "test_cfg: unknown key 'scor_thr'; did you mean 'score_thr'"),
        ("model = dict(train_cfg=dict(pos_weight=2))", "model.train_cfg: unknown key 'pos_weight'"),
        ("input_size = 'big'", "input_size 'big' is not a number of pixels; give 64 or more"),
        ("model = dict(backbone=dict(type='Swin'))", "type 'Swin' is not allowed; give one of ATSS, ATSSAssigner, "),
    ],
)
def test_settings_that_have_no_effect_or_are_invalid_are_reported(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\n{line}\n")
    with pytest.raises(UserError, match=re.escape(message)):
        load_config(path)


@pytest.mark.parametrize("other", [{"type": "subprocess.Popen", "args": ["true"]}, {"type": "KnowledgeDistillation"}])
def test_the_config_of_a_checkpoint_cannot_contain_other_types(other: dict) -> None:
    content = json.loads(network_to_json(load_config("tiny")))
    content["model"]["neck"] = other
    with pytest.raises(ValueError, match=re.escape(other["type"])):
        network_from_json(json.dumps(content))


def test_the_config_of_a_checkpoint_cannot_download_weights() -> None:
    content = json.loads(network_to_json(load_config("tiny")))
    content["model"]["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": "http://127.0.0.1:9/evil.pth"}
    content["model"]["pretrained"] = "http://127.0.0.1:9/evil.pth"
    build_detector(network_from_json(json.dumps(content)))  # would fail if it tried to download
