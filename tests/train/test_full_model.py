"""Fine-tuning of the full model."""

from pathlib import Path

import pytest
import torch

from facedet.configs import FOLDER
from facedet.data.dataset import DatasetSource
from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.train import finetune
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import read_torch_file, write_torch_file


@pytest.mark.full
def test_a_short_run_keeps_the_running_statistics_and_moves_the_backbone_less(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(f"_base_ = {str(FOLDER / 'finetune.py')!r}\ninput_size = 192\n")
    config = load_config(tmp_path / "small.py")
    torch.manual_seed(0)
    network = build_detector(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
    content = {"state_dict": network.state_dict(), "meta": {META_KEY: network_to_json(config)}}
    write_torch_file(content, tmp_path / "initial.pth")
    (tmp_path / "four.txt").write_text("train-000\ntrain-001\ntrain-002\ntrain-003\n")
    (tmp_path / "one.txt").write_text("val-000\n")
    names = tmp_path / "four.txt", tmp_path / "one.txt"
    train, val = DatasetSource(drawn / "train.json", names=names[0]), DatasetSource(drawn / "val.json", names=names[1])
    options = {"weights": tmp_path / "initial.pth", "epochs": 1, "batch_size": 2, "amp": "off"}
    summary = finetune(tmp_path / "small.py", train, val, work_dir=tmp_path / "run", **options)
    assert 0 < summary.last_loss < 100
    after, before = read_torch_file(tmp_path / "run" / "last.pth")["trained"], content["state_dict"]
    statistics = [name for name in before if name.startswith("backbone") and "running" in name]
    assert len(statistics) == 310
    assert all(torch.equal(after[name], before[name]) for name in statistics)
    moved = {name: float((after[name] - before[name]).norm()) for name in after if name.endswith("weight")}
    assert moved["backbone.layer4.2.conv3.weight"] > 0
    assert moved["bbox_head.atss_cls.weight"] > 0
    rates = {group["lr"] for group in read_torch_file(tmp_path / "run" / "last.pth")["optimizer"]["param_groups"]}
    assert max(rates) == pytest.approx(10 * min(rates))
