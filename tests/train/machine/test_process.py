"""What a run leaves as it was in its caller's process."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from helpers import blocked_worker, process_state

from facedet.train.machine.process import process_settings


def test_a_run_puts_back_what_it_changes(drawn: Path, quick: Path, tmp_path: Path) -> None:
    config = tmp_path / "deterministic.py"
    config.write_text(
        f"_base_ = {str(quick)!r}\ninput_size = 64\nrandomness = dict(deterministic=True)\n"
        "env_cfg = dict(cudnn_benchmark=True)\n"
    )
    run = [sys.executable, process_state.__file__, config, drawn / "val.json", drawn / "val.json", tmp_path / "run"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_a_run_on_a_cpu_leaves_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def initialize(*args: object) -> None:
        raise AssertionError("a GPU is used")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state", initialize)
    with process_settings("cpu", cudnn_benchmark=True):
        pass


def test_workers_send_images_with_a_long_temporary_folder_and_end_with_their_run(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 130)
    folder.mkdir()
    (tmp_path / "file").write_bytes(b"content")
    os.mkfifo(tmp_path / "never")
    command = [sys.executable, blocked_worker.__file__, tmp_path / "file", tmp_path / "never"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        late = threading.Timer(120, run.kill)
        late.start()
        worker = run.stdout.readline()  # when it has sent the first file; now it waits for the other one
        late.cancel()
        assert worker
        run.kill()
        try:
            assert run.communicate(timeout=60) == ("", None)  # the worker has the same stdout, until it ends
        except subprocess.TimeoutExpired:
            os.kill(int(worker), signal.SIGKILL)
            raise


def test_the_end_of_a_run_does_not_wait_for_a_process_that_cannot_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that waits for a broken disk, of which no test can have one."""
    killed: list[str] = []

    class Stuck:
        def kill(self) -> None:
            killed.append("killed")

        def join(self, timeout: float | None = None) -> None:
            assert timeout is not None
            killed.append("waited")

    children: list[Stuck] = []
    monkeypatch.setattr(multiprocessing, "active_children", lambda: children)
    with process_settings("cpu", cudnn_benchmark=False):
        children.append(Stuck())
    assert killed == ["killed", "waited"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_datasets_are_read_ends_at_once(number: int, drawn: Path, quick: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\nfrom facedet.train.samples import datasets\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background it may be ignored
        "def slow(source):\n    print('reading', flush=True)\n    time.sleep(600)\n"
        "datasets.read_every_class = slow\nfrom facedet.cli import main\nmain()"
    )
    sets = ["--train", drawn / "train.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    run = subprocess.Popen(
        [sys.executable, "-c", code, "train", quick, *sets],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    assert run.stdout.readline() == "reading\n"
    run.send_signal(number)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == (130 if number == signal.SIGINT else -signal.SIGTERM)
    assert "Traceback" not in errors
    assert not (tmp_path / "run" / "last.pth").exists()
