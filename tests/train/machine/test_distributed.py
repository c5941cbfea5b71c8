"""Several processes train what one process would, and stop, fail and continue together."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.distributed import (
    Acts,
    in_processes,
    place,
    read_in_processes,
    spoil_the_second,
    stop_while_the_first_writes_slowly,
    terminate_both,
    terminate_the_second,
    train,
    validate_in_processes,
    validate_jittered_faces,
)

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.synthetic import draw_dataset
from facedet.detector.model import build_detector
from facedet.train import finetune
from facedet.train.machine import distributed
from facedet.weights.checkpoint import load_weights, read_checkpoint
from facedet.weights.torch_file import read_torch_file


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Datasets whose sizes two processes cannot share equally. Rank 1 gets images without faces only."""
    folder = tmp_path_factory.mktemp("odd")
    draw_dataset(folder, 23, seed=1, name="train")
    draw_dataset(folder, 7, seed=2, name="val")
    content = json.loads((folder / "train.json").read_text())
    second = {image["id"] for position, image in enumerate(content["images"]) if position % 8 >= 4}
    content["annotations"] = [face for face in content["annotations"] if face["image_id"] not in second]
    (folder / "train.json").write_text(json.dumps(content))
    return {"train": folder / "train.json", "val": folder / "val.json"}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory, narrow: Path) -> Path:
    """`narrow`, in the order of the dataset, with SGD: AdamW would hide gradients of a wrong size."""
    path = tmp_path_factory.mktemp("config") / "frozen.py"
    path.write_text(
        f"_base_ = {str(narrow)!r}\nmodel = dict(backbone=dict(norm_eval=True))\n"
        "train_cfg = dict(average=0.9, min_steps=0)\n"
        "train_dataloader = dict(batch_size=4, num_workers=0, sampler=dict(shuffle=False))\n"
        "val_dataloader = dict(num_workers=0)\nparam_scheduler = []\n"
        "_sgd = dict(_delete_=True, type='SGD', lr=0.001, momentum=0.9, weight_decay=5e-4)\n"
        "optim_wrapper = dict(optimizer=_sgd)\n"
    )
    return path


@pytest.fixture(scope="module")
def unfrozen(frozen: Path) -> Path:
    """`frozen` with batch normalization that learns."""
    path = frozen.with_name("unfrozen.py")
    path.write_text(f"_base_ = {str(frozen)!r}\nmodel = dict(backbone=dict(norm_eval=False))\n")
    return path


@pytest.fixture(scope="module")
def alone(frozen: Path, sets: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of one process with a batch of eight."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    finetune(**options(frozen, sets, folder, batch_size=8))
    return folder


@pytest.fixture(scope="module")
def together(frozen: Path, sets: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of two processes with batches of four. It also holds what they returned."""
    folder = tmp_path_factory.mktemp("together") / "run"
    assert_same_processes(*in_processes(2, train, None, options(frozen, sets, folder)))
    return folder


def options(config: Path, sets: dict[str, Path], work_dir: Path, **more: Any) -> dict[str, Any]:
    return {"config": config, **sets, "work_dir": work_dir, "epochs": 3, "amp": "off", "device": "cpu", **more}


def assert_same_training(folder: Path, expected: Path, tolerance: float) -> None:
    found, content = (read_torch_file(run / "last.pth") for run in (folder, expected))
    for part in ("state_dict", "trained"):
        for name, tensor in content[part].items():
            torch.testing.assert_close(found[part][name], tensor, rtol=0, atol=tolerance, msg=name)
    histories = found["meta"]["history"], content["meta"]["history"]
    torch.testing.assert_close(histories[0]["losses"], histories[1]["losses"], rtol=0, atol=tolerance)
    for (epoch, metrics), (same_epoch, values) in zip(*(history["metrics"] for history in histories), strict=True):
        assert epoch == same_epoch
        assert metrics == pytest.approx(values, abs=tolerance)


def assert_same_processes(first: dict[str, Any], second: dict[str, Any]) -> None:
    for part, state in first.items():
        assert not [name for name, array in state.items() if not np.array_equal(array, second[part][name])], part


def test_two_batches_of_four_train_like_one_of_eight(alone: Path, together: Path) -> None:
    assert_same_training(together, alone, tolerance=1e-5)
    summaries = [json.loads((run / "summary.json").read_text()) for run in (together, alone)]
    assert summaries[0]["best"] == pytest.approx(summaries[1]["best"], abs=1e-5)


def test_only_the_first_process_writes(alone: Path, together: Path) -> None:
    # the name of TensorBoard's file ends in a counter of the process, which has written others in `alone`
    first, second = (
        sorted(re.sub(r"^\.\d+$", "", path.suffix) for path in run.rglob("*")) for run in (together, alone)
    )
    assert first == second


def test_all_processes_end_with_the_same_weights_average_and_statistics(
    unfrozen: Path, sets: dict[str, Path], tmp_path: Path
) -> None:
    first, second = in_processes(2, train, None, options(unfrozen, sets, tmp_path / "run", accumulate=2))
    assert_same_processes(first, second)
    assert first["trained"]["backbone.bn1.running_mean"].any()


def test_best_pth_of_several_processes_without_an_average_can_be_loaded(
    frozen: Path, sets: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "plain.py").write_text(f"_base_ = {str(frozen)!r}\ntrain_cfg = dict(average=None)\n")
    in_processes(2, train, None, options(tmp_path / "plain.py", sets, tmp_path / "run", epochs=1))
    config, state = read_checkpoint(tmp_path / "run" / "best.pth")
    load_weights(build_detector(config), state, "best.pth")


@pytest.mark.parametrize("terminate", [terminate_the_second, terminate_both])
def test_a_signal_stops_all_processes_and_any_number_continues(
    terminate: Callable[[int], Acts], frozen: Path, sets: dict[str, Path], alone: Path, tmp_path: Path
) -> None:
    run = options(frozen, sets, tmp_path / "run")
    ends = in_processes(2, train, terminate, run)
    assert sorted(bool(end.message) for end in ends) == [False, True]
    assert {end.code for end in ends} == {128 + signal.SIGTERM}
    assert read_torch_file(tmp_path / "run" / "last.pth")["meta"]["iter"] == 4
    with pytest.raises(UserError, match="was started with 8 images per step, not 4"):
        finetune(**run, resume=True)
    finetune(**run, resume=True, batch_size=8)
    assert_same_training(tmp_path / "run", alone, tolerance=1e-5)


def test_no_process_ends_before_the_first_has_written(frozen: Path, sets: dict[str, Path], tmp_path: Path) -> None:
    run = options(frozen, sets, tmp_path / "run")
    assert in_processes(2, stop_while_the_first_writes_slowly, run) == [4, 4]


def test_a_loss_that_is_not_finite_in_one_process_stops_all(
    frozen: Path, sets: dict[str, Path], tmp_path: Path
) -> None:
    ends = in_processes(2, train, spoil_the_second, options(frozen, sets, tmp_path / "run"))
    (message,) = (end.message for end in ends if end.message)
    assert "loss_bbox is nan at iteration 3, in epoch 1 (loss " in message
    assert ("train-020" in message, "train-016" in message) == (True, False)  # images of rank 1 only


@pytest.mark.parametrize("broken", [1, 2])
def test_images_that_one_process_cannot_read_are_known_to_all(
    broken: int, frozen: Path, sets: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(sets["train"].parent, tmp_path / "set")
    images = sorted((tmp_path / "set" / "images").glob("train-*"))[4 : 4 + broken]
    for path in images:
        path.write_bytes(path.read_bytes()[:2000])
    own = {name: tmp_path / "set" / path.name for name, path in sets.items()}
    ends = in_processes(2, train, None, options(frozen, own, tmp_path / "run", epochs=1))
    if broken == 1:
        summary = json.loads((tmp_path / "run" / "summary.json").read_text())
        assert [images[0].name in line for line in summary["left_out"]] == [True]
    else:
        (message,) = (end.message for end in ends if end.message)
        assert "2 of 30 images cannot be read" in message


def test_processes_measure_the_ap_that_one_does(sets: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(sets["val"].parent, tmp_path / "set")
    broken = sorted((tmp_path / "set" / "images").glob("val-*"))[2]  # the other process has the image in its place
    broken.write_bytes(broken.read_bytes()[:2000])
    expected = validate_jittered_faces(0, tmp_path / "set" / "val.json")
    assert 0.3 < expected["AP"] < 0.9
    assert in_processes(2, validate_in_processes, tmp_path / "set" / "val.json") == [expected] * 2
    assert in_processes(3, validate_in_processes, tmp_path / "set" / "val.json") == [expected] * 3


def test_the_first_process_reads_the_datasets_for_all(sets: dict[str, Path]) -> None:
    (first, headers), *others = in_processes(3, read_in_processes, sets["val"])
    assert headers == len(first) == 7
    assert others == [(first, 0)] * 2
    assert first == [(str(p.path), p.width, p.boxes.tolist()) for p in read_dataset(DatasetSource(sets["val"])).photos]


def test_a_dataset_that_cannot_be_read_ends_all_processes_with_one_message(tmp_path: Path) -> None:
    ends = in_processes(2, read_in_processes, tmp_path / "no.json")
    assert [end.code for end in ends] == [2, 2]
    assert sorted(bool(end.message) for end in ends) == [False, True]
    assert any(end.message == f"{tmp_path / 'no.json'}: no such file or folder" for end in ends)


@pytest.mark.parametrize("launcher", ["slurm", "mpi"])
def test_slurm_and_mpi_start_processes(launcher: str) -> None:
    assert in_processes(2, place, launcher, launcher=launcher) == [("cpu", [0, 1])] * 2


def test_a_launcher_that_started_nothing_is_refused(frozen: Path, sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--launcher slurm: SLURM_PROCID is not set; start the command with slurm"):
        finetune(**options(frozen, sets, tmp_path / "run", launcher="slurm"))
    with pytest.raises(UserError, match="--launcher pbs: not a launcher; give one of torchrun, slurm, mpi"):
        finetune(**options(frozen, sets, tmp_path / "run", launcher="pbs"))


def test_the_rank_on_the_machine_chooses_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [distributed._share(device, 1) for device in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    with pytest.raises(UserError, match="process 2 of this machine has no GPU: it has 2"):
        distributed._share("auto", 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("SLURM_LOCALID", "3")
    assert distributed._share("auto", 3) == "cuda:0"


def test_synchronized_norms_are_refused_on_cpus(frozen: Path, sets: dict[str, Path], tmp_path: Path) -> None:
    ends = in_processes(2, train, None, options(frozen, sets, tmp_path / "run", sync_bn=True))
    assert [end.code for end in ends] == [2, 2]
    assert ["--sync-bn: needs GPUs" in end.message for end in ends].count(True) == 1


def torchrun(config: Path, sets: dict[str, Path], work_dir: Path, *options: str) -> list[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    run = ["-m", "facedet", "train", str(config), "--train", str(sets["train"]), "--val", str(sets["val"])]
    return [*launch, *run, "--work-dir", str(work_dir), "--epochs", "3", "--device", "cpu", "--amp", "off"]


@pytest.mark.full
def test_a_work_dir_with_a_run_is_refused_once(frozen: Path, sets: dict[str, Path], alone: Path) -> None:
    done = subprocess.run(torchrun(frozen, sets, alone), capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert done.stderr.count("facedet: ") == 1
    assert done.stderr.count("contains an earlier run; continue it with --resume") == 1
    assert "writing to" not in done.stdout


@pytest.mark.full
def test_torchrun_continues_when_processes_are_killed(
    frozen: Path, sets: dict[str, Path], together: Path, tmp_path: Path
) -> None:
    config = tmp_path / "workers.py"
    config.write_text(f"_base_ = {str(frozen)!r}\ntrain_dataloader = dict(num_workers=1)\n")
    command = [*torchrun(config, sets, tmp_path / "run", "--max-restarts", "2"), "--save-every", "0"]
    with (tmp_path / "errors").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    for rank in (0, 1):
        _wait_for_a_checkpoint(process, tmp_path / "run" / "last.pth")
        os.kill(_worker(process.pid, rank), signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, (tmp_path / "errors").read_text()
    assert output.count("best: AP") == 1
    assert (tmp_path / "errors").read_text().count("another process of this training run ended") == 2
    assert_same_training(tmp_path / "run", together, tolerance=0)


def _wait_for_a_checkpoint(process: subprocess.Popen, path: Path) -> None:
    assert process.stdout
    while line := process.stdout.readline():
        if line.startswith("writing to"):
            break
    before, end = path.stat().st_mtime_ns if path.exists() else 0, time.monotonic() + 60
    while not (path.exists() and path.stat().st_mtime_ns > before):
        assert time.monotonic() < end
        time.sleep(0.01)


def _worker(torchrun: int, rank: int) -> int:
    """The process number of a rank that torchrun, a process number, started."""
    children = subprocess.run(["pgrep", "-P", str(torchrun)], capture_output=True, text=True, check=True).stdout.split()
    environments = {int(child): Path(f"/proc/{child}/environ").read_bytes().split(b"\0") for child in children}
    (worker,) = (child for child, variables in environments.items() if f"RANK={rank}".encode() in variables)
    return worker
