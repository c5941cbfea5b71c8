"""Training runs: results, resuming, refused inputs."""

import json
import multiprocessing
import os
import shutil
import signal
import traceback
from pathlib import Path

import pytest
import torch
from helpers.formats import facedet
from helpers.short import EPOCHS, write_config
from PIL import Image

from facedet.common.errors import UserError
from facedet.configs import FOLDER
from facedet.detector.config import load_config
from facedet.detector.head import FaceATSSHead
from facedet.detector.model import build_detector
from facedet.train import finetune
from facedet.train.average import WeightAverage
from facedet.train.run import Run
from facedet.train.samples.dataset import FaceDataset
from facedet.weights.checkpoint import read_checkpoint
from facedet.weights.operating_point import OPERATING_POINT
from facedet.weights.torch_file import read_torch_file


def test_a_run_writes_its_results(trained: Path) -> None:
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["config"] == "tiny"
    assert (summary["epochs"], summary["train_images"], summary["val_images"]) == (EPOCHS, 24, 8)
    assert summary["last_loss"] < summary["first_loss"]
    assert 0 < summary["best"]["AP"] <= summary["best"]["AP50"] <= 1
    assert read_torch_file(trained / "best.pth")["meta"]["AP"] == pytest.approx(summary["best"]["AP"])
    assert read_torch_file(trained / "best.pth")["meta"][OPERATING_POINT] == summary["operating_point"]
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


def test_a_resumed_run_continues_where_it_stopped(drawn: Path, quick: Path, tmp_path: Path) -> None:
    train, val = drawn / "train.json", drawn / "val.json"

    def interrupt(run: Run) -> None:
        if run.state.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3, save_every=0, on_epoch=interrupt)
    assert read_torch_file(tmp_path / "run" / "last.pth")["meta"]["epoch"] == 2
    with pytest.raises(UserError, match="contains an earlier run; continue it with --resume"):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3)
    summary = finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3, resume=True)
    assert summary.last["epoch"] == 3
    meta = read_torch_file(tmp_path / "run" / "last.pth")["meta"]
    assert (meta["epoch"], meta["iter"]) == (3, 9)
    assert meta["history"]["losses"][:, 0].tolist() == pytest.approx([k / 3 for k in range(1, 10)])
    assert [epoch for epoch, _ in meta["history"]["metrics"]][-1] == 3
    last = read_torch_file(tmp_path / "run" / "last.pth")
    assert last["state_dict"]["backbone.bn1.num_batches_tracked"] == 9  # the network continued, and so did Adam
    assert {float(state["step"]) for state in last["optimizer"]["state"].values()} == {9.0}
    with pytest.raises(UserError, match="all 3 epochs are complete"):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=3, resume=True)
    with pytest.raises(UserError, match="was started for 3 epochs, not 5; give --epochs 3"):
        finetune(quick, train, val, work_dir=tmp_path / "run", epochs=5, resume=True)
    with pytest.raises(UserError, match=r"was trained with another config \(quick\) than face_detection_0206"):
        finetune("face_detection_0206", train, val, work_dir=tmp_path / "run", epochs=3, resume=True)
    with pytest.raises(UserError, match=r"contains no last\.pth to resume from"):
        finetune(quick, train, val, work_dir=tmp_path / "empty", resume=True)


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("train_dataloader = dict(bach_size=3)", "bach_size"),
        ("optim_wrapper = dict(optimizer=dict(lrr=0.1))", "lrr"),
        ("train_dataloader = dict(sampler=dict(type='DefaultSampler'))", "DefaultSampler, not OrderSampler"),
        ("optim_wrapper = dict(clipgrad=dict(max_norm=1))", "clipgrad"),
        ("train_cfg = dict(max_epoch=3)", "max_epoch"),
        ("val_evaluator = dict(type='FaceAQ')", "FaceAQ"),
        ("train_dataloader = dict(dataset=dict(mosaic=dict(untill=0.5)))", "untill"),
        ("train_dataloader = dict(dataset=dict(repeats=3))", "repeats"),
        ("model = dict(neck=dict(in_channels=[64, 128, 256, 256]))", "neck.in_channels is .*256, 256"),
        ("param_scheduler = [dict(type='NoLR')]", "NoLR"),
        ("train_cfg = dict(_delete_=True)", "max_epochs"),
        ("train_dataloader = dict(_delete_=True, batch_size=2, dataset=dict())", "sampler|num_workers"),
        ("model = dict(neck=None)", "neck"),
        ("train_dataloader = dict(batch_size=0)", "batch_size"),
        ("train_dataloader = dict(dataset=dict(augment=dict(flop=0.5)))", "flop"),
        ("model = dict(bbox_head=dict(in_channels=32))", "channels"),
    ],
)
def test_invalid_settings_end_in_one_line(drawn: Path, tmp_path: Path, line: str, setting: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\n{line}\n")
    with pytest.raises(UserError, match=setting) as error:
        finetune(path, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=1)
    assert "\n" not in str(error.value)


def test_a_bug_ends_in_its_traceback_and_says_where_the_log_is(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss_by_feat(*_: object, **__: object) -> None:
        raise RuntimeError("boom in decode")

    monkeypatch.setattr(FaceATSSHead, "loss_by_feat", loss_by_feat)
    sets = ["--train", drawn / "val.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    done = facedet("train", quick, *sets, "--workers", "0")
    (log,) = (tmp_path / "run").glob("*/*.log")
    assert repr(done.exception) == "RuntimeError('boom in decode')"
    assert done.exception.__notes__ == [f"facedet: the log of the run is {log}"]
    assert "in loss_by_feat" in log.read_text()
    assert "RuntimeError: boom in decode" in log.read_text()


def test_six_frames_lie_between_the_command_and_the_backward_pass(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack: list[traceback.FrameSummary] = []

    def backward(*_: object, **__: object) -> None:
        stack.extend(traceback.extract_stack()[:-1])
        raise ArithmeticError

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    sets = ["--train", drawn / "val.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    assert isinstance(facedet("train", quick, *sets, "--workers", "0").exception, ArithmeticError)
    (command,) = [k for k, frame in enumerate(stack) if frame.filename.endswith("src/facedet/commands/train.py")]
    assert [frame.name for frame in stack[command:]] == [
        *("train", "run_training", "train", "train_step"),
        *("update_params", "backward"),  # of mmengine's optimizer wrapper
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_data_loader_worker_ends_in_one_line(
    workers: int, drawn: Path, quick: Path, tmp_path: Path
) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    for truncated in (tmp_path / "set" / "images").iterdir():
        truncated.write_bytes(truncated.read_bytes()[:2000])
    config = tmp_path / "workers.py"
    config.write_text(f"_base_ = {str(quick)!r}\ntrain_dataloader = dict(num_workers={workers})\n")
    with pytest.raises(UserError, match=r"^no image of the dataset can be read \(first: .*images/train-.*\)$") as error:
        finetune(config, tmp_path / "set" / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=1)
    assert "\n" not in str(error.value)


def test_a_bug_in_a_worker_ends_in_its_traceback(
    drawn: Path, narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(dataset: FaceDataset, place: object) -> None:
        raise ValueError("a bug in a worker")

    monkeypatch.setattr(FaceDataset, "__getitem__", broken)
    sets = ["--train", drawn / "val.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    done = facedet("train", narrow, *sets, "--workers", "2")
    assert type(done.exception) is ValueError
    assert "in broken" in str(done.exception)
    assert "ValueError: a bug in a worker" in str(done.exception)


def test_a_killed_worker_ends_in_one_line_and_leaves_no_process(drawn: Path, narrow: Path, tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())

    def kill(run: Run) -> None:
        workers = set(multiprocessing.active_children()) - before
        assert len(workers) == 2
        os.kill(workers.pop().pid or 0, signal.SIGKILL)

    config = tmp_path / "workers.py"
    config.write_text(f"_base_ = {str(narrow)!r}\ntrain_dataloader = dict(num_workers=2, prefetch_factor=1)\n")
    sets = drawn / "train.json", drawn / "val.json"
    with pytest.raises(UserError, match="a process that reads images was killed, probably out of memory") as error:
        finetune(config, *sets, work_dir=tmp_path / "run", epochs=40, on_epoch=kill)
    assert "\n" not in str(error.value)
    assert set(multiprocessing.active_children()) == before


def test_too_little_memory_of_a_gpu_ends_in_one_line(
    drawn: Path, narrow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss_by_feat(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(FaceATSSHead, "loss_by_feat", loss_by_feat)
    with pytest.raises(UserError, match="the GPU has too little memory for batches of 8 images; give --b"):
        finetune(narrow, drawn / "val.json", drawn / "val.json", work_dir=tmp_path / "run")


def test_a_config_may_leave_out_what_has_a_default(drawn: Path, narrow: Path, tmp_path: Path) -> None:
    config = tmp_path / "short.py"
    config.write_text(
        f"_base_ = {str(narrow)!r}\ntrain_cfg = dict(_delete_=True, max_epochs=3)\n"
        "optim_wrapper = dict(_delete_=True, optimizer=dict(type='AdamW'))\nauto_scale_lr = dict(enable=False)\n"
    )
    finetune(config, drawn / "val.json", drawn / "val.json", work_dir=tmp_path / "run")
    meta = read_torch_file(tmp_path / "run" / "last.pth")["meta"]
    assert [epoch for epoch, _ in meta["history"]["metrics"]] == [1, 2, 3]


def test_frozen_stages_do_not_change(drawn: Path, tmp_path: Path, trained: Path) -> None:
    frozen = tmp_path / "frozen.py"
    config = write_config(tmp_path)
    frozen.write_text(f"_base_ = {str(config)!r}\ninput_size = 96\nmodel = dict(backbone=dict(frozen_stages=2))\n")
    sets = drawn / "train.json", drawn / "val.json"
    weights = trained / "best.pth"
    finetune(frozen, *sets, work_dir=tmp_path / "run", epochs=1, weights=weights, batch_size=4)
    _, before = read_checkpoint(trained / "best.pth")
    _, after = read_checkpoint(tmp_path / "run" / "last.pth")
    same = {name for name in before if torch.equal(before[name], after[name])}
    stem_and_two = ("backbone.conv1", "backbone.bn1", "backbone.layer1", "backbone.layer2")
    assert {name for name in before if name.startswith(stem_and_two)} <= same
    assert "backbone.layer3.0.conv1.weight" not in same


def test_the_average_is_what_is_validated_and_saved(
    trained: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WeightAverage, "update", lambda *_: None)  # it stays what training begins with
    run, weights = tmp_path / "run", trained / "best.pth"
    config = write_config(tmp_path)
    finetune(config, drawn / "train.json", drawn / "val.json", work_dir=run, weights=weights, epochs=2)
    initial, last = read_torch_file(weights), read_torch_file(run / "last.pth")
    assert all(torch.equal(last["state_dict"][name], tensor) for name, tensor in initial["state_dict"].items())
    learned = "backbone.layer4.0.conv1.weight"
    assert not torch.equal(last["trained"][learned], initial["state_dict"][learned])
    validated = [metrics["AP"] for _, metrics in last["meta"]["history"]["metrics"]]
    assert validated == pytest.approx([initial["meta"]["AP"]] * 3)


@pytest.mark.filterwarnings("error::UserWarning:torch", "error::UserWarning:mmengine.optim")
def test_options_of_the_command_line_reach_the_run(drawn: Path, quick: Path, tmp_path: Path) -> None:
    sets = ["--train", drawn / "train.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    options = ["--freeze", "1", "--accumulate", "3", "--cache", tmp_path / "cache", "--workers", "1"]
    more = ["--checkpoint-gradients", "--batch-size", "2", "--epochs", "1", "--seed", "5", "--amp", "off"]
    done = facedet("train", quick, *sets, *options, *more)
    assert done.exit_code == 0, done.output
    last = read_torch_file(tmp_path / "run" / "last.pth")
    assert {float(state["step"]) for state in last["optimizer"]["state"].values()} == {4.0}  # 12 iterations
    norms = last["trained"]
    assert not norms["backbone.bn1.num_batches_tracked"]
    assert not norms["backbone.layer1.0.bn1.num_batches_tracked"]
    assert norms["backbone.layer2.0.bn1.num_batches_tracked"] == 12
    assert norms["backbone.layer2.1.bn1.num_batches_tracked"] == 2 * 12  # is computed twice in a step
    assert len(list((tmp_path / "cache").iterdir())) == 32
    meta = last["meta"]
    assert (meta["seed"], meta["effective_batch"], meta["accumulate"]) == (5, 6, 3)


def test_compile_compiles_backbone_and_neck(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    finetune(quick, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=1, compile=True)
    assert compiled == ["ResNet", "RSSHFPN"]


def test_a_dataset_without_faces_is_refused(drawn: Path, tmp_path: Path) -> None:
    content = json.loads((drawn / "train.json").read_text())
    content["annotations"] = []
    (drawn / "empty.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"empty\.json: none of its 24 images has a face that is not ignored"):
        finetune("tiny", str(drawn / "empty.json"), str(drawn / "val.json"), work_dir=str(tmp_path / "run"))
