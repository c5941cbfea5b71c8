"""What a run leaves as it was in its caller's process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import process_state

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
