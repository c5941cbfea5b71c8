"""Hooks: the content of checkpoints, and what stops training."""

import os
import re
import resource
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from facedet.common.errors import UserError
from facedet.configs import FOLDER
from facedet.detector.config import load_config
from facedet.train import checkpoints, finetune, training
from facedet.train.checkpoints import Checkpoints
from facedet.train.hooks import History
from facedet.weights.checkpoint import read_torch_file


def test_checkpoints_contain_what_is_documented(trained: Path) -> None:
    best, last = (read_torch_file(trained / name) for name in ("best.pth", "last.pth"))
    averaged = {"trained"} if load_config("tiny").train_cfg.get("average") else set()
    assert best.keys() == {"state_dict", "meta"}
    assert last.keys() == {"state_dict", "meta", "optimizer", "param_schedulers"} | averaged
    meta = {"facedet", "epoch", "iter", "max_epochs", "effective_batch", "accumulate", "validated", "history", "cfg"}
    meta |= {"seed", "time", "mmengine_version", "dataset_meta"}
    assert best["meta"].keys() == meta | {"AP"}
    assert last["meta"].keys() == meta
    assert last["meta"]["history"].keys() == {"losses", "scalars", "metrics", "unreadable"}
    documentation = Checkpoints.__doc__ or ""
    assert all(f"`{key}`" in documentation for key in (*last, *best["meta"], *last["meta"]["history"]))


def test_the_bar_and_the_summary_state_the_same_speed(
    drawn: Path, quick: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    summary = finetune(quick, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=2)
    speeds = re.findall(r"([\d.]+) img/s", capsys.readouterr().err)
    assert speeds[-1] == f"{summary.images_per_second:.1f}"


def test_a_loss_that_is_not_finite_stops_training(drawn: Path, tmp_path: Path) -> None:
    hot = tmp_path / "hot.py"
    hot.write_text(
        f"_base_ = {str(FOLDER / 'tiny.py')!r}\n"
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=1e9, weight_decay=0), clip_grad=None)\n"
        "param_scheduler = []\n"
    )
    sets = drawn / "train.json", drawn / "val.json"
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at iteration .*; lower .*/train-0"):
        finetune(hot, *sets, work_dir=tmp_path / "run", epochs=2)


def not_learning(quick: Path, folder: Path) -> Path:
    """`quick` with a learning rate of 0."""
    still = folder / "still.py"
    still.write_text(
        f"_base_ = {str(quick)!r}\noptim_wrapper = dict(optimizer=dict(lr=0.0))\ntrain_cfg = dict(average=None)\n"
    )
    return still


def test_patience_ends_training_and_a_resumed_run_does_not_go_on(drawn: Path, quick: Path, tmp_path: Path) -> None:
    still = not_learning(quick, tmp_path)
    sets = {"train": drawn / "train.json", "val": drawn / "val.json", "work_dir": tmp_path / "run"}
    summary = finetune(still, **sets, epochs=9, patience=2)
    assert summary.last["epoch"] == 3  # no AP is better than the first
    assert finetune(still, **sets, epochs=9, patience=2, resume=True).iterations == summary.iterations


def test_saving_after_epochs_does_not_slow_training_down(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    monkeypatch.setattr(Checkpoints, "save_last", _noted(saved, Checkpoints.save_last))
    monkeypatch.setattr(checkpoints, "_SHARE", 1e-9)
    still = not_learning(quick, tmp_path)  # no AP is better than the first
    finetune(still, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=4)
    assert saved == [1, 4]
    assert read_torch_file(tmp_path / "run" / "last.pth")["meta"]["epoch"] == 4


def _noted(epochs: list[int], save: Any) -> Any:
    def noted(hook: Checkpoints, runner: Any) -> None:
        epochs.append(runner.epoch)
        save(hook, runner)

    return noted


def test_a_full_disk_ends_in_one_line_and_leaves_the_earlier_checkpoint_whole(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, largest = Checkpoints.save_last, resource.getrlimit(resource.RLIMIT_FSIZE)

    def on_a_full_disk(hook: Checkpoints, runner: Any) -> None:
        if runner.epoch == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, largest[1]))
        try:
            save(hook, runner)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, largest)

    monkeypatch.setattr(Checkpoints, "save_last", on_a_full_disk)
    run, still = tmp_path / "run", not_learning(quick, tmp_path)
    with pytest.raises(UserError, match=r"last\.pth: cannot be written; is the disk full\?"):
        finetune(still, drawn / "train.json", drawn / "val.json", work_dir=run, epochs=3, save_every=0)
    assert read_torch_file(run / "last.pth")["meta"]["iter"] == 5
    assert read_torch_file(run / "best.pth")["meta"]["epoch"] == 1
    assert not list(run.glob(".facedet-*"))
    monkeypatch.undo()
    sets = drawn / "train.json", drawn / "val.json"
    assert finetune(still, *sets, work_dir=run, epochs=3, resume=True).last["epoch"] == 3


def test_a_single_process_stops_at_once_although_losses_are_read_rarely(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(hook: History, runner: Any, *args: Any, **kwargs: Any) -> None:
        if runner.iter == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        after_train_iter(hook, runner, *args, **kwargs)

    after_train_iter = History.after_train_iter
    monkeypatch.setattr(History, "after_train_iter", interrupted)
    monkeypatch.setitem(training._READ_LOSSES_EVERY, "cpu", 100)
    with pytest.raises(UserError, match="stopped after iteration 2 of"):
        finetune(quick, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=2)
    meta = read_torch_file(tmp_path / "run" / "last.pth")["meta"]
    assert meta["iter"] == len(meta["history"]["losses"]) == 2


def test_more_than_one_percent_of_missing_images_stop_training(drawn: Path, quick: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    for name in ("train-003.png", "train-004.png"):
        (tmp_path / "set" / "images" / name).unlink()
    with pytest.raises(UserError, match=r"2 of 24 images cannot be used, more than 1 % \(first: .*train-003\.png"):
        finetune(quick, tmp_path / "set" / "train.json", drawn / "val.json", work_dir=tmp_path / "run")


def test_settings_of_the_sampler_that_are_not_known_are_refused(drawn: Path, quick: Path, tmp_path: Path) -> None:
    (tmp_path / "typo.py").write_text(
        f"_base_ = {str(quick)!r}\ntrain_dataloader = dict(sampler=dict(full_size_form=0.5))\n"
    )
    with pytest.raises(UserError, match=r"training cannot start .*full_size_form"):
        finetune(tmp_path / "typo.py", drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run")
