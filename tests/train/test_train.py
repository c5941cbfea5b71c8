"""Fine-tuning: what a training leaves, how it goes on, what it ignores."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facedet.core.common.errors import UserError
from facedet.core.data.dataset import DatasetSource
from facedet.core.data.structures import Detections, Photo
from facedet.core.detector.config import FOLDER, load_config
from facedet.core.detector.model import build_detector
from facedet.core.evaluation.metrics.coco import average_precision
from facedet.core.train import finetune
from facedet.core.train.dataset import FaceDataset
from facedet.core.train.schedule import set_epochs
from facedet.core.weights.checkpoint import read_checkpoint, read_torch_file


def test_a_training_leaves_what_it_promises(trained: Path) -> None:
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["config"] == "tiny"
    assert (summary["epochs"], summary["train_images"], summary["val_images"]) == (12, 24, 8)
    assert summary["last_loss"] < summary["first_loss"]
    assert 0 < summary["best"]["AP"] <= summary["best"]["AP50"] <= 1
    assert read_torch_file(trained / "best.pth")["meta"]["AP"] == pytest.approx(summary["best"]["AP"])
    with Image.open(trained / "training-curve.png") as curve:
        assert curve.size[0] > 600
    config, state = read_checkpoint(trained / "last.pth")
    assert config.model == load_config("tiny").model
    assert {k: v.shape for k, v in state.items()} == {
        k: v.shape for k, v in build_detector(config).state_dict().items()
    }
    assert "optimizer" in read_torch_file(trained / "last.pth")
    assert "optimizer" not in read_torch_file(trained / "best.pth")


def test_scalars_are_written_for_tensorboard(trained: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(next(trained.rglob("events.out.tfevents.*")).parent)).Reload()
    tags = set(events.Tags()["scalars"])
    assert {"loss", "loss_cls", "loss_bbox", "loss_centerness", "lr", "AP", "AP50"} <= tags


def test_resuming_goes_on_where_it_stopped(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedet.core.train import hooks

    train, val = drawn / "train.json", drawn / "val.json"
    after_epoch = hooks.Checkpoints.after_train_epoch

    def interrupted(self, runner) -> None:
        after_epoch(self, runner)
        if runner.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(hooks.Checkpoints, "after_train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3)
    monkeypatch.undo()
    assert read_torch_file(tmp_path / "run" / "last.pth")["meta"]["epoch"] == 2
    with pytest.raises(UserError, match="holds an earlier training; continue it with --resume"):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3)
    summary = finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3, resume=True)
    assert summary.last["epoch"] == 3
    meta = read_torch_file(tmp_path / "run" / "last.pth")["meta"]
    assert (meta["epoch"], meta["iter"]) == (3, 9)
    assert [epoch for epoch, _ in meta["history"]["losses"]] == pytest.approx([k / 3 for k in range(1, 10)])
    assert [epoch for epoch, _ in meta["history"]["metrics"]][-1] == 3
    last = read_torch_file(tmp_path / "run" / "last.pth")
    assert last["state_dict"]["backbone.bn1.num_batches_tracked"] == 9  # the network went on, and so did Adam
    assert {float(each["step"]) for each in last["optimizer"]["state"].values()} == {9.0}
    with pytest.raises(UserError, match="all its 3 epochs are done"):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3, resume=True)
    with pytest.raises(UserError, match="was begun for 3 epochs, not 5"):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=5, resume=True)
    with pytest.raises(UserError, match=r"was trained by another config \(quick\) than face_detection_0206"):
        finetune("face_detection_0206", train, val, work_dir=tmp_path / "run", epochs=3, resume=True)
    with pytest.raises(UserError, match=r"holds no last\.pth to resume from"):
        finetune(quick, train, val, work_dir=tmp_path / "empty", resume=True)


def test_an_unreadable_picture_gives_its_place_to_the_next_and_is_named(
    drawn: Path, quick: Path, tmp_path: Path
) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    spoilt = tmp_path / "set" / "images" / "train-000.png"
    spoilt.write_bytes(spoilt.read_bytes()[:2000])  # its header is whole
    dataset = FaceDataset(str(tmp_path / "set" / "train.json"), input_size=64, test_mode=True)
    sample = dataset[0]["data_samples"]
    assert sample.photo.path.name == "train-001.png"
    assert "train-000.png: cannot be read as a picture" in sample.unreadable[0]
    small = tmp_path / "set" / "train.json"
    names = tmp_path / "names.txt"
    names.write_text("train-000\ntrain-001\ntrain-002\ntrain-003\n")
    val = drawn / "val.json"
    summary = finetune(quick, DatasetSource(small, names=names), val, work_dir=tmp_path / "run", epochs=1)
    assert any("train-000.png: cannot be read" in line for line in summary.left_out)


def test_every_worker_and_epoch_sees_other_views(drawn: Path) -> None:
    augment = load_config("tiny").train_dataloader.dataset.augment
    dataset = FaceDataset(str(drawn / "train.json"), input_size=64, augment=augment)
    loader = torch.utils.data.DataLoader(dataset, batch_size=1, num_workers=2, collate_fn=lambda batch: batch[0])
    torch.manual_seed(0)
    epochs = [[sample["inputs"] for sample in loader] for _ in range(2)]
    different = [not torch.equal(a, b) for a, b in zip(*epochs, strict=True)]
    assert all(different)


def test_ignored_faces_neither_count_nor_punish() -> None:
    model = build_detector(load_config("tiny"))
    head = model.bbox_head
    from mmengine.structures import InstanceData

    def assign(faces: list, ignored: list) -> torch.Tensor:
        sizes = [(80, 80), (40, 40), (20, 20), (10, 10), (5, 5)]
        priors = torch.cat(head.prior_generator.grid_priors(sizes, device="cpu"))
        boxes, crowd = (torch.tensor(b, dtype=torch.float).reshape(-1, 4) for b in (faces, ignored))
        gt = InstanceData(bboxes=boxes, labels=torch.zeros(len(boxes), dtype=torch.long))
        instances = InstanceData(priors=priors)
        return head.assigner.assign(instances, [a * b for a, b in sizes], gt, InstanceData(bboxes=crowd)).gt_inds

    face, other = [40, 40, 100, 110], [180, 180, 300, 300]
    alone, beside = assign([face], []), assign([face], [other])
    assert (alone == 1).sum() == (beside == 1).sum() > 0
    assert (alone == -1).sum() == 0
    assert (beside == -1).sum() > 50  # anchors on the ignored face train nothing
    assert (assign([], [other]) == -1).sum() == (beside == -1).sum()


def test_ap_ignores_ignored_faces_and_counts_the_rest() -> None:
    boxes = np.array([[10, 10, 60, 60], [100, 100, 180, 180]], np.float32)
    photo = Photo(Path("a"), 200, 200, boxes, np.array([False, True]))
    both = Detections(boxes, np.array([0.9, 0.8], np.float32))
    assert average_precision([photo], [both])["AP"] == pytest.approx(1)
    false = Detections(np.array([[120, 10, 160, 60], *boxes], np.float32), np.array([0.95, 0.9, 0.8], np.float32))
    assert average_precision([photo], [false])["AP"] == pytest.approx(0.5)
    assert average_precision([photo], [Detections(np.zeros((0, 4)), np.zeros(0))])["AP50"] == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("train_dataloader = dict(bach_size=3)", "bach_size"),
        ("optim_wrapper = dict(optimizer=dict(lrr=0.1))", "lrr"),
        ("optim_wrapper = dict(clipgrad=dict(max_norm=1))", "clipgrad"),
        ("train_cfg = dict(max_epoch=3)", "max_epoch"),
        ("val_evaluator = dict(type='FaceAQ')", "FaceAQ"),
        ("custom_hooks = [dict(type='NoHook')]", "NoHook"),
        ("train_dataloader = dict(batch_size=0)", "batch_size"),
        ("train_dataloader = dict(dataset=dict(augment=dict(flop=0.5)))", "flop"),
        ("model = dict(bbox_head=dict(in_channels=32))", "channels"),
    ],
)
def test_settings_that_a_training_cannot_use_end_in_one_line(drawn: Path, tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\n{line}\n")
    with pytest.raises(UserError, match=told) as error:
        finetune(path, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=1)
    assert "\n" not in str(error.value)


def test_a_set_whose_pictures_are_all_spoilt_ends_in_one_line(drawn: Path, quick: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    for spoilt in (tmp_path / "set" / "images").iterdir():
        spoilt.write_bytes(spoilt.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"^no picture of the set can be read") as error:
        finetune(quick, tmp_path / "set" / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["face_detection_0206", "finetune", "tiny"])
@pytest.mark.parametrize("epochs", [1, 2, 7, 100])
def test_schedules_stretch_with_the_epochs(name: str, epochs: int) -> None:
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


def test_a_loss_that_is_none_stops_the_training(drawn: Path, tmp_path: Path) -> None:
    hot = tmp_path / "hot.py"
    hot.write_text(
        f"_base_ = {str(FOLDER / 'tiny.py')!r}\n"
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=1e9), clip_grad=None)\n"
        "param_scheduler = []\n"
    )
    sets = drawn / "train.json", drawn / "val.json"
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at iteration .*; lower the learning rate"):
        finetune(hot, *sets, work_dir=tmp_path / "run", epochs=2)


def test_frozen_stages_stay_as_they_are(drawn: Path, quick: Path, tmp_path: Path, trained: Path) -> None:
    frozen = tmp_path / "frozen.py"
    frozen.write_text(f"_base_ = {str(quick)!r}\nmodel = dict(backbone=dict(frozen_stages=2))\n")
    sets = drawn / "train.json", drawn / "val.json"
    weights = trained / "best.pth"
    finetune(frozen, *sets, work_dir=tmp_path / "run", epochs=1, weights=weights, batch_size=4)
    _, before = read_checkpoint(trained / "best.pth")
    _, after = read_checkpoint(tmp_path / "run" / "last.pth")
    same = {name for name in before if torch.equal(before[name], after[name])}
    stem_and_two = ("backbone.conv1", "backbone.bn1", "backbone.layer1", "backbone.layer2")
    assert {name for name in before if name.startswith(stem_and_two)} <= same
    assert "backbone.layer3.0.conv1.weight" not in same


def test_a_set_without_faces_is_refused(drawn: Path, tmp_path: Path) -> None:
    content = json.loads((drawn / "train.json").read_text())
    content["annotations"] = []
    (drawn / "empty.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"empty\.json: none of its 24 pictures has a face that counts"):
        finetune("tiny", drawn / "empty.json", drawn / "val.json", work_dir=tmp_path / "run")
