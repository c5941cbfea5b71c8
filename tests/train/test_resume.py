"""Runs that stop and continue end with the very weights of a run that never stopped."""

import copy
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.commands import Command

from facedet.common.errors import UserError
from facedet.common.unfinished import new_name
from facedet.train import finetune
from facedet.train.record.metric import FaceAP
from facedet.weights.torch_file import read_torch_file

_KILLS = 20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, narrow: Path) -> Path:
    """`narrow` with everything that has a state: average, momentum, warm-up."""
    path = tmp_path_factory.mktemp("config") / "small.py"
    path.write_text(
        f"_base_ = {str(narrow)!r}\ntrain_cfg = dict(average=0.9, min_steps=0)\n"
        "train_dataloader = dict(batch_size=4, num_workers=2)\n"
    )
    return path


def arguments(small: Path, drawn: Path, work_dir: Path, *options: str) -> list[str]:
    sets = ["--train", str(drawn / "train.json"), "--val", str(drawn / "val.json")]
    return ["train", str(small), *sets, "--work-dir", str(work_dir), "--epochs", "4", "--save-every", "0.01", *options]


def run_to_the_end(arguments: list[str]) -> str:
    code, output, errors = Command(*arguments).end()
    assert code == 0, errors
    return output


@pytest.fixture(scope="module")
def whole(small: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_to_the_end(arguments(small, drawn, folder, "--save-every", "60"))
    return folder


@pytest.fixture(scope="module")
def never_stopped(whole: Path) -> dict[str, Any]:
    """Its last.pth and best.pth."""
    return {name: read_torch_file(whole / name) for name in ("last.pth", "best.pth")}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Computes in this process with as many threads as the commands."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def assert_same_run(folder: Path, expected: dict[str, Any]) -> None:
    for name, content in expected.items():
        found = read_torch_file(folder / name)
        for part in {"state_dict", "trained"} & content.keys():
            different = [key for key, tensor in content[part].items() if not torch.equal(tensor, found[part][key])]
            assert not different, f"{name}: {len(different)} tensors of {part} differ"
        for key in ("epoch", "iter", "validated"):
            assert found["meta"][key] == content["meta"][key]
        assert torch.equal(found["meta"]["history"]["losses"], content["meta"]["history"]["losses"])
        assert found["meta"]["history"]["metrics"] == content["meta"]["history"]["metrics"]
    optimizers = (read_torch_file(folder / "last.pth")["optimizer"], expected["last.pth"]["optimizer"])
    for found, content in zip(*(optimizer["state"].values() for optimizer in optimizers), strict=True):
        assert all(torch.equal(found[key], content[key]) for key in content)


def test_the_same_command_gives_the_same_weights(
    small: Path, drawn: Path, never_stopped: dict[str, Any], tmp_path: Path
) -> None:
    run_to_the_end(arguments(small, drawn, tmp_path / "again"))
    assert_same_run(tmp_path / "again", never_stopped)


def test_signals_stop_after_the_running_step_and_say_how_to_continue(
    small: Path, drawn: Path, never_stopped: dict[str, Any], tmp_path: Path
) -> None:
    run, stopped_after = arguments(small, drawn, tmp_path / "run", "--save-every", "60"), 0
    for number, resume in ((signal.SIGINT, []), (signal.SIGTERM, ["--resume"])):
        command = Command(*run, *resume)
        command.wait_for("writing to")
        os.killpg(command.pid, number)  # as a terminal or a scheduler does: workers get it too
        code, _, errors = command.end()
        assert code == 128 + number
        assert "the same command with --resume continues" in errors
        assert "Traceback" not in errors
        iterations = read_torch_file(tmp_path / "run" / "last.pth")["meta"]["iter"]
        assert stopped_after < iterations < 24
        stopped_after = iterations
    run_to_the_end([*run, "--resume"])
    assert_same_run(tmp_path / "run", never_stopped)


@pytest.mark.full
def test_twenty_kills_at_random_moments_change_nothing(
    small: Path, drawn: Path, whole: Path, never_stopped: dict[str, Any], tmp_path: Path
) -> None:
    longest = 1.5 * json.loads((whole / "summary.json").read_text())["seconds"]  # of a run with another one beside it

    def lane(number: int) -> tuple[int, int]:
        moments, kills, resumed, complete = random.Random(number), 0, 0, 0
        while kills < _KILLS // 2 or not complete:
            folder = tmp_path / f"run-{number}-{complete}"
            run = arguments(small, drawn, folder)
            killed_here, resumed_here = _kill_until_complete(run, folder, moments, longest, _KILLS // 2 - kills)
            assert_same_run(folder, never_stopped)
            kills, resumed, complete = kills + killed_here, resumed + resumed_here, complete + 1
        return kills, resumed

    with ThreadPoolExecutor() as pool:  # two runs side by side: a start keeps one core busy
        kills, resumed = zip(*pool.map(lane, range(2)), strict=True)
    assert sum(kills) == _KILLS
    assert sum(resumed) >= _KILLS // 4  # not all were killed before their first checkpoint


def _kill_until_complete(
    arguments: list[str], folder: Path, moments: random.Random, longest: float, most: int
) -> tuple[int, int]:
    """Run, kill within `longest` seconds, and resume a training run until it is complete. Returns the number of kills
    and of resumed processes."""
    kills, resumed = 0, 0
    while True:
        resume = ["--resume"] if (folder / "last.pth").is_file() or (folder / "previous.pth").is_file() else []
        command, resumed = Command(*arguments, *resume), resumed + len(resume)
        if kills < most:
            command.wait_for("writing to")
            time.sleep(moments.uniform(0, longest))
            if command.is_running:
                os.killpg(command.pid, moments.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
                kills += 1
        code, _, errors = command.end()
        for name in ("best.pth", "last.pth"):
            if (folder / name).is_file():
                assert read_torch_file(folder / name)["state_dict"]
        if code == 0 or (folder / "training.html").is_file():  # killed after its last file
            return kills, resumed
        # the negative ones: killed after training, when it does not listen for signals any more
        assert code in (-signal.SIGKILL, 130, 143, -signal.SIGINT, -signal.SIGTERM), errors


def test_a_damaged_checkpoint_is_replaced_by_the_one_before(
    small: Path, drawn: Path, whole: Path, never_stopped: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    assert read_torch_file(folder / "previous.pth")["meta"]["iter"] < 24
    (folder / "last.pth").write_bytes((folder / "last.pth").read_bytes()[:5000])
    leftover = folder / f"{new_name()}.pth"
    leftover.write_bytes(b"left by a dead process")
    output = run_to_the_end(arguments(small, drawn, folder, "--resume"))
    assert f"continuing from {folder / 'previous.pth'}" in output
    assert not leftover.exists()
    assert_same_run(folder, never_stopped)


def test_the_last_validation_is_repeated_if_it_was_interrupted(
    small: Path,
    drawn: Path,
    never_stopped: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_thread: None,
) -> None:
    sets = {"train": drawn / "train.json", "val": drawn / "val.json", "work_dir": tmp_path / "run", "epochs": 4}
    monkeypatch.setattr(FaceAP, "process", _terminated_in(4, FaceAP.process))
    with pytest.raises(UserError, match="--resume continues"):
        finetune(small, **sets)
    monkeypatch.undo()
    meta = read_torch_file(tmp_path / "run" / "last.pth")["meta"]
    assert (meta["epoch"], meta["validated"]) == (4, 3)
    summary = finetune(small, **sets, resume=True)
    assert summary.last["epoch"] == 4
    with pytest.raises(UserError, match="all 4 epochs are complete"):
        finetune(small, **sets, resume=True)
    with pytest.raises(UserError, match="give --accumulate 1"):
        finetune(small, **sets, resume=True, batch_size=4, accumulate=2)
    for name in ("summary.json", "training.html"):  # as if it had been killed before it wrote them
        (tmp_path / "run" / name).unlink()
    assert finetune(small, **sets, resume=True).best == summary.best
    assert (tmp_path / "run" / "training.html").is_file()
    assert_same_run(tmp_path / "run", never_stopped)


def _terminated_in(validation: int, process: Any) -> Any:
    """`FaceAP.process` that sends SIGTERM to this process in the given validation, counted from 1."""

    def terminated(self: Any, *args: Any, **kwargs: Any) -> None:
        process(self, *args, **kwargs)
        terminated.calls += 1  # type: ignore[attr-defined]
        if terminated.calls == validation:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGTERM)

    terminated.calls = 0  # type: ignore[attr-defined]
    return terminated


def test_a_run_in_use_is_refused(small: Path, drawn: Path, tmp_path: Path) -> None:
    from facedet.common.lock import only_writer

    (tmp_path / "run").mkdir()
    with only_writer(tmp_path / "run"), pytest.raises(UserError, match="is writing to it"):
        finetune(small, drawn / "train.json", drawn / "val.json", work_dir=tmp_path / "run", epochs=1)


def test_a_run_does_not_continue_on_changed_data_unless_that_is_allowed(
    drawn: Path, quick: Path, tmp_path: Path
) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    original = json.loads((drawn / "train.json").read_text())
    train, val = tmp_path / "set/train.json", tmp_path / "set/val.json"
    run = {"work_dir": tmp_path / "run", "epochs": 1}
    finetune(quick, train, val, **run)
    with pytest.raises(UserError, match="all 1 epochs are complete"):
        finetune(quick, train, val, resume=True, **run)
    moved = shutil.copytree(tmp_path / "set", tmp_path / "moved")
    with pytest.raises(UserError, match="all 1 epochs are complete"):
        finetune(quick, moved / "train.json", moved / "val.json", resume=True, **run)

    def refused(change: Callable[[dict], object], reason: str, **options: Any) -> None:
        content = copy.deepcopy(original)
        change(content)
        train.write_text(json.dumps(content))
        with pytest.raises(UserError, match=reason):
            finetune(quick, train, val, resume=True, **run, **options)

    others = "the training data has changed since the start: it has 24 images with .* as before, but others"
    refused(lambda c: c["annotations"][0]["bbox"].__setitem__(0, c["annotations"][0]["bbox"][0] + 1), others)
    refused(lambda c: c["annotations"].pop(), "it had 24 images with 51 faces, has 24 images with 50 faces")
    refused(lambda c: c["annotations"].pop(), "all 1 epochs are complete", allow_changed_data=True)
    train.write_text(json.dumps(original))
    with pytest.raises(UserError, match="the validation data has changed since the start: it had 8 images"):
        finetune(quick, train, train, resume=True, **run)
