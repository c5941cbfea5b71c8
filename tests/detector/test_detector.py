"""The network is the released one, and its rule at test time too."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import ConfigDict

from facedet.core.common.errors import UserError
from facedet.core.detector.complexity import Card, measure
from facedet.core.detector.config import FOLDER, config_from_facts, load_config, network_facts
from facedet.core.detector.head import select
from facedet.core.detector.model import build_detector
from facedet.core.weights.snapshot import our_name

CONFIGS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture(scope="module")
def full() -> torch.nn.Module:
    return build_detector(load_config("face_detection_0206")).eval()


def test_parameters_and_names_are_the_snapshots(full: torch.nn.Module, reference: Path) -> None:
    keys = json.loads((reference / "snapshot-keys.json").read_text())
    ours = {name: (list(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in full.state_dict().items()}
    assert sum(p.numel() for p in full.parameters()) == 63_788_363
    assert {our_name(name): (shape, dtype) for name, shape, dtype in keys} == ours
    same = {name for name, _, _ in keys if not name.startswith("backbone.")}
    assert same == {name for name in ours if not name.startswith("backbone.")}
    assert len({our_name(name) for name, _, _ in keys}) == len(keys) == 1013


def test_the_cards_figures_are_reproduced() -> None:
    size = measure(load_config("face_detection_0206"))
    assert size.parameters == 63_788_363
    assert size.card_parameters == 69_919_575
    assert round(size.card_parameters / 1e6, 3) == pytest.approx(Card.million_parameters)
    assert size.gflops == pytest.approx(Card.gflops, rel=1e-5)
    assert size.conv_gflops == pytest.approx(338.5708, abs=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_builds_and_says_each_size_once(name: str) -> None:
    config = load_config(name)
    code = (FOLDER / f"{name}.py").read_text().split('"""')[2]
    assert len(re.findall(rf"\b{config.input_size}\b", code)) <= 1
    again = config_from_facts(network_facts(config))
    assert again.model == config.model
    build_detector(again)


def test_the_extra_level_is_made_before_its_neighbours_context() -> None:
    neck = build_detector(load_config("tiny")).neck.eval()
    inputs = [torch.randn(1, c, s, s) for c, s in zip((64, 128, 256, 512), (16, 8, 4, 2), strict=True)]
    before = neck(inputs)
    torch.nn.init.zeros_(neck.context_modules[3].conv1.conv.weight)
    after = neck(inputs)
    assert len(after) == 5
    assert after[4].shape[-1] == 1
    torch.testing.assert_close(after[4], before[4])
    assert not torch.allclose(after[3], before[3])


def one_level(cls: torch.Tensor, centerness: torch.Tensor) -> tuple[list, list, list]:
    # level maps for the tiny head at 64 px: only the first level answers
    sides = (16, 8, 4, 2, 1)
    low = [torch.full((1, 1, s, s), -20.0) for s in sides]
    return [cls, *low[1:]], [torch.zeros(1, 4, s, s) for s in sides], [centerness, *low[1:]]


def predict(cls: torch.Tensor, centerness: torch.Tensor, **rule) -> ConfigDict:
    head = build_detector(load_config("tiny")).bbox_head
    meta = [{"img_shape": (64, 64), "scale_factor": (0.5, 0.25)}]
    cfg = ConfigDict({**head.test_cfg, **rule})
    (found,) = head.predict_by_feat(*one_level(cls, centerness), batch_img_metas=meta, cfg=cfg, rescale=False)
    return found


def test_the_score_is_thresholded_after_the_product() -> None:
    cls, centerness = torch.full((1, 1, 16, 16), -20.0), torch.full((1, 1, 16, 16), 20.0)
    cls[0, 0, 8, 8], centerness[0, 0, 8, 8] = 0.0, -3.5  # 0.5 x 0.029 = 0.0147: over 0.02 before, under it after
    cls[0, 0, 2, 2], centerness[0, 0, 2, 2] = 0.0, 0.0
    found = predict(cls, centerness)
    assert found.scores.tolist() == pytest.approx([0.25])
    assert found.bboxes.tolist() == [[0, 0, 24, 24]]  # anchor 32 px wide round (8, 8), clipped to the picture


def test_no_level_is_cut_to_its_best_before_nms_and_at_most_750_remain() -> None:
    torch.manual_seed(0)
    cls, centerness = torch.rand(1, 1, 16, 16) * 4, torch.full((1, 1, 16, 16), 20.0)
    assert len(predict(cls, centerness, nms={"type": "nms", "iou_threshold": 1.0}).scores) == 256
    few = predict(cls, centerness, nms={"type": "nms", "iou_threshold": 1.0}, max_per_img=7)
    assert few.scores.tolist() == sorted(cls.sigmoid().flatten().tolist(), reverse=True)[:7]
    boxes = torch.arange(2000).float()[:, None] * 10 + torch.tensor([0, 0, 5, 5])
    assert len(select(boxes, torch.rand(2000) * 0.9 + 0.05, 0.02, 0.5, 750)[0]) == 750


def test_unknown_settings_are_named(tmp_path: Path) -> None:
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
    "stranger", [{"type": "subprocess.Popen", "args": ["true"]}, {"type": "KnowledgeDistillation"}]
)
def test_a_checkpoints_config_cannot_name_other_types(stranger: dict) -> None:
    facts = json.loads(network_facts(load_config("tiny")))
    facts["model"]["neck"] = stranger
    with pytest.raises(ValueError, match=re.escape(stranger["type"])):
        config_from_facts(json.dumps(facts))


def test_a_checkpoints_config_cannot_fetch_weights() -> None:
    facts = json.loads(network_facts(load_config("tiny")))
    facts["model"]["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": "http://127.0.0.1:9/evil.pth"}
    facts["model"]["pretrained"] = "http://127.0.0.1:9/evil.pth"
    build_detector(config_from_facts(json.dumps(facts)))  # would fail if it tried to fetch


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("auto_scale_lr = dict(enabled=True)", "auto_scale_lr: unknown key 'enabled'; did you mean 'enable'"),
        ("model = dict(test_cfg=dict(scor_thr=0.5))", "test_cfg: unknown key 'scor_thr'; did you mean 'score_thr'"),
        ("input_size = 'big'", "input_size 'big' is not a number of pixels"),
        ("model = dict(backbone=dict(type='Swin'))", "type 'Swin' is not one of a detector's"),
    ],
)
def test_settings_that_nothing_reads_are_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\n{line}\n")
    with pytest.raises(UserError, match=re.escape(told)):
        load_config(path)
