"""Configs: unknown settings are reported, and what a checkpoint says about its network is harmless."""

import json
import re
import sys
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.configs import FOLDER
from facedet.detector.config import load_config, network_config, network_to_json
from facedet.detector.model import build_detector
from facedet.detector.stored_network import StoredNetwork

CONFIGS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
TINY = f"_base_ = {str(FOLDER / 'tiny.py')!r}\n"


def stored(name: str, **changes: dict) -> StoredNetwork:
    """What a file of a config's network says, with parts of the model replaced."""
    content = json.loads(network_to_json(load_config(name)))
    content["model"] |= changes
    return StoredNetwork.from_json(json.dumps(content))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_builds_and_states_its_input_size_once(name: str) -> None:
    config = load_config(name)
    code = (FOLDER / f"{name}.py").read_text().split('"""')[2]
    assert len(re.findall(rf"\b{config.input_size}\b", code)) <= 1
    again = network_config(stored(name), "x.pth")
    assert again.model == config.model
    build_detector(again)


def test_unknown_settings_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{TINY}model = dict(neck=dict(chanels=3))\n")
    with pytest.raises(UserError, match=r"mine\.py: the model cannot be built .*chanels"):
        build_detector(load_config(path))
    path.write_text(f"{TINY}train_dataloder = dict(batch_size=3)\n")
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
        ("model = dict(test_cfg=dict(nms=dict(type='soft_nms')))", "test_cfg.nms: type 'soft_nms' is not supported"),
        ("model = dict(test_cfg=dict(nms=dict(offset=1)))", "model.test_cfg.nms: unknown key 'offset'"),
        ("model = dict(test_cfg=dict(nms=None))", "model.test_cfg: 'nms.iou_threshold' is missing"),
        ("model = dict(backbone=dict(type=dict))", "model: refer to types by name"),
        ("model = dict(backbone=dict(type='Swin'))", "mine.py: the model cannot be built (Swin is not in the mmdet"),
        ("model = dict(bbox_head=dict(type='ATSSHead'))", "model.bbox_head: give FaceATSSHead or a class derived from"),
        ("custom_imports = dict(imports=['gone'])", "mine.py: custom_imports: Failed to import gone (No module named"),
    ],
)
def test_settings_that_have_no_effect_or_are_invalid_are_reported(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"{TINY}{line}\n")
    with pytest.raises(UserError, match=re.escape(message)):
        build_detector(load_config(path))


OTHERS = [{"type": "subprocess.Popen", "args": ["true"]}, {"type": "KnowledgeDistillation"}, {"type": ["ResNet"]}]


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_alone_cannot_name_other_types(other: dict) -> None:
    for network in (stored("tiny", neck=other), stored("tiny", neck={"type": "RSSHFPN", "norm_cfg": [other]})):
        with pytest.raises(
            UserError,
            match=r"x\.pth: its network has the (type|key) .*, which a file may not ask for by .*--config",
        ):
            network_config(network, "x.pth")


@pytest.mark.parametrize("other", OTHERS)
def test_a_config_allows_only_what_it_describes_itself(other: dict) -> None:
    tiny = load_config("tiny")
    preprocessor = stored("tiny").model["data_preprocessor"]
    for changes in ({"neck": other}, {"data_preprocessor": {**preprocessor, "mean": other}}):
        with pytest.raises(
            UserError, match=rf"x\.pth: its network differs from .*tiny\.py: model\.{next(iter(changes))}"
        ):
            network_config(stored("tiny", **changes), "x.pth", tiny)


def test_the_first_difference_from_a_config_is_named_but_not_what_training_sets(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"{TINY}model = dict(neck=dict(out_channels=32))\n")
    with pytest.raises(UserError, match=r"mine\.py: model\.neck\.out_channels is 64, not 32 there"):
        network_config(stored("tiny"), "x.pth", load_config(tmp_path / "mine.py"))
    trained = stored("tiny").model["backbone"] | {"frozen_stages": 3, "norm_eval": True}
    config = network_config(stored("tiny", backbone=trained), "x.pth", load_config("tiny"))
    assert config.model.backbone.frozen_stages == 3
    assert build_detector(config).backbone.norm_eval


def test_a_users_module_is_found_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "beside_the_config.py").write_text(
        "from mmdet.models import ResNet\nfrom mmdet.registry import MODELS\n"
        "@MODELS.register_module()\nclass Beside(ResNet):\n    pass\n"
    )
    (tmp_path / "mine.py").write_text(
        f"{TINY}custom_imports = dict(imports=['beside_the_config'])\nmodel = dict(backbone=dict(type='Beside'))\n"
    )
    before = list(sys.path)
    assert type(build_detector(load_config(tmp_path / "mine.py")).backbone).__name__ == "Beside"
    assert sys.path == before


def test_a_checkpoint_cannot_download_weights() -> None:
    content = json.loads(network_to_json(load_config("tiny")))
    content["model"]["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": "http://127.0.0.1:9/evil.pth"}
    content["model"]["pretrained"] = "http://127.0.0.1:9/evil.pth"
    network = StoredNetwork.from_json(json.dumps(content))
    for config in (None, load_config("tiny")):
        build_detector(network_config(network, "x.pth", config))  # would fail if it tried to download
