"""What a run records, and what it refuses to go on with."""

import csv
import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from helpers.stub_run import StubNetwork, stub_config, stub_run, train_stub
from torch import Tensor

from facedet.common.errors import UserError
from facedet.train import finetune
from facedet.train.checkpoints import Checkpoints
from facedet.train.loop import train
from facedet.train.machine.stop import StopRequest
from facedet.train.record.recorder import Recorder
from facedet.weights.torch_file import read_torch_file


def test_the_bar_and_the_summary_state_the_same_speed(
    drawn: Path, quick: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    summary = finetune(quick, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=2)
    speeds = re.findall(r"([\d.]+) img/s", capsys.readouterr().err)
    assert speeds[-1] == f"{summary.images_per_second:.1f}"


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_loss_that_is_not_finite_is_named_with_what_led_to_it(value: float, tmp_path: Path) -> None:
    run = stub_run(stub_config(), network=StubNetwork({8: lambda loss: loss * value}))
    with pytest.raises(UserError) as error:
        train_stub(run, tmp_path)
    rows = list(csv.DictReader((tmp_path / "scalars.csv").open()))
    for text in (
        f"loss_cls is {value} at iteration 8, in epoch 2 (loss_bbox {float(rows[7]['loss_bbox']):.4g}; ",
        "learning rate 0.0005, gradient norm ",
        "lower the learning rate in the config, or check the images of the batch: ",
    ):
        assert text in str(error.value)
    assert re.search(r"gradient norm \d+\.?\d* in the step before", str(error.value))
    assert len(re.findall(r"\d+\.jpg", str(error.value))) == 2
    assert "\n" not in str(error.value)
    assert [row["iteration"] for row in rows] == [str(k) for k in range(1, 9)]  # whole: also the last one
    assert rows[7]["loss_cls"] == str(value)
    (log,) = tmp_path.glob("*/*.log")
    assert f"loss_cls is {value} at iteration 8" in log.read_text()


def test_a_bug_is_in_the_log_and_the_tables_are_whole(tmp_path: Path) -> None:
    def broken(loss: Tensor) -> Tensor:
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        train_stub(stub_run(stub_config(), network=StubNetwork({8: broken})), tmp_path)
    assert len(list(csv.DictReader((tmp_path / "scalars.csv").open()))) == 7
    (log,) = tmp_path.glob("*/*.log")
    assert "ZeroDivisionError: a bug" in log.read_text()
    assert "in broken" in log.read_text()


def test_losses_that_were_not_read_yet_are_in_the_tables_after_a_bug(tmp_path: Path) -> None:
    def broken(loss: Tensor) -> Tensor:
        raise ZeroDivisionError("a bug")

    run = stub_run(stub_config(max_epochs=1), network=StubNetwork({5: broken}))
    with pytest.raises(ZeroDivisionError):
        train_stub(run, tmp_path, read_every=10)
    assert len(list(csv.DictReader((tmp_path / "scalars.csv").open()))) == 4


def test_a_failure_of_the_tables_does_not_hide_the_bug(tmp_path: Path) -> None:
    def broken(loss: Tensor) -> Tensor:
        (tmp_path / "scalars.csv").unlink(missing_ok=True)
        (tmp_path / "scalars.csv").mkdir()
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        train_stub(stub_run(stub_config(), network=StubNetwork({8: broken})), tmp_path)
    (log,) = tmp_path.glob("*/*.log")
    assert "ZeroDivisionError: a bug" in log.read_text()


def test_time_for_saving_is_not_time_of_training(tmp_path: Path) -> None:
    run = stub_run(stub_config(), on_epoch=lambda run: time.sleep(2))
    stop = StopRequest()
    with Recorder(run, tmp_path, stop) as record:
        assert train(run, record, Checkpoints(run, tmp_path), stop)
    assert record.images == 24
    assert record.seconds < 2  # of two epochs


def test_the_log_and_the_scalars_have_the_mean_of_ten_iterations(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = stub_run(stub_config(max_epochs=4))
    assert train_stub(run, tmp_path)
    losses = [loss for _, loss in run.state.history.losses]
    (log,) = tmp_path.glob("*/*.log")
    lines = re.findall(r"iteration (\d+) of 24: loss (\S+), lr", log.read_text())
    assert [int(iteration) for iteration, _ in lines] == [10, 20, 24]
    assert [float(loss) for _, loss in lines] == pytest.approx(
        [sum(losses[:10]) / 10, sum(losses[10:20]) / 10, sum(losses[20:]) / 4], rel=1e-3
    )
    events = EventAccumulator(str(next(tmp_path.rglob("events.out.tfevents.*")).parent)).Reload()
    assert [event.step for event in events.Scalars("loss")] == [10, 20, 24]
    assert all(event.value > 0 for name in ("time", "data_time", "memory") for event in events.Scalars(name))
    assert [event.step for event in events.Scalars("AP")] == [1, 2, 3, 4]


def test_a_single_process_stops_at_once_although_losses_are_read_rarely(tmp_path: Path) -> None:
    stop = StopRequest()

    def interrupted(loss: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGTERM)
        return loss

    run = stub_run(stub_config(accumulate=1), network=StubNetwork({2: interrupted}))
    with stop.listening():
        assert not train_stub(run, tmp_path, stop, read_every=100)
    meta = read_torch_file(tmp_path / "last.pth")["meta"]
    assert meta["iter"] == len(meta["history"]["losses"]) == 2


def test_more_than_one_percent_of_missing_images_stop_training(drawn: Path, quick: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    for name in ("train-003.png", "train-004.png"):
        (tmp_path / "set" / "images" / name).unlink()
    with pytest.raises(UserError, match=r"2 of 24 images cannot be used, more than 1 % \(.*train-003\.png"):
        finetune(quick, tmp_path / "set" / "train.json", drawn / "val.json", work_dir=tmp_path / "run")
