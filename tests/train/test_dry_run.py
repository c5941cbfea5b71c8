"""Dry runs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.formats import facedet
from helpers.stub_run import stub_config, stub_run

from facedet.common.errors import UserError
from facedet.train import dry_run, finetune, try_run
from facedet.train.dry_run import DryRun, measure
from facedet.train.samples.sampler import OrderSampler


def test_a_dry_run_tells_time_and_memory_and_writes_nothing(drawn: Path, quick: Path, tmp_path: Path) -> None:
    sets = ["--train", drawn / "train.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    done = facedet("train", quick, *sets, "--dry-run", "--batch-size", "4", "--epochs", "9")
    assert done.exit_code == 0, done.output
    assert "trying the first steps, writing nothing" in done.output
    assert "for 4 images (" in done.output
    assert "54 iterations and 9 validations take about " in done.output
    assert not list(tmp_path.iterdir())


def test_its_time_is_that_of_all_iterations_and_validations(drawn: Path, quick: Path, tmp_path: Path) -> None:
    assert DryRun(8, 100, 3, 0.5, 10.0, 500, []).seconds == 80
    tried = try_run(quick, train=drawn / "train.json", val=drawn / "val.json", work_dir=tmp_path / "run")
    assert (tried.images, tried.iterations, tried.validations) == (8, 1200, 8)  # 24 images: 400 epochs of 3 iterations
    assert tried.iteration_seconds > 0
    assert tried.validation_seconds > 0
    assert tried.peak_memory_mb > 100


def test_its_iteration_is_a_mean_over_the_sizes_of_the_views(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_training", lambda run: run.sampler.sizes)
    monkeypatch.setattr(dry_run, "_seconds_each", lambda sizes, device, seconds: float(sizes[0]))
    sampler = OrderSampler(21, 4, 5, sizes=(64, 64, 96, 128), full_size_from=0.8)
    run = SimpleNamespace(
        sampler=sampler,
        cfg=SimpleNamespace(input_size=128),
        state=SimpleNamespace(iteration=0),
        iterations=9,
        device="",
    )
    seconds = dry_run._iteration_seconds(run)
    assert seconds == pytest.approx(0.4 * 64 + 0.2 * 96 + 0.4 * 128)


@pytest.mark.parametrize("epoch", [0, 2])
def test_it_runs_as_many_iterations_as_it_likes(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_SECONDS", 0.2)
    run = stub_run(stub_config(accumulate=3))
    run.state.epoch, run.state.iteration = epoch, 6 * epoch  # all are trained, but not yet validated
    tried = measure(run)
    assert (tried.iterations, tried.validations) == (12 - 6 * epoch, 2 - epoch)
    assert run.state.network.passes > 12


def test_it_counts_the_validation_of_a_start_that_detects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "_SECONDS", 0.01)
    run = replace(stub_run(stub_config(accumulate=3)), measures_start=True)
    assert measure(run).validations == 3  # of two epochs, and of the start


def test_it_refuses_what_a_run_would_refuse(drawn: Path, quick: Path, tmp_path: Path) -> None:
    sets = {"train": drawn / "train.json", "val": drawn / "val.json", "work_dir": tmp_path / "run"}
    config = tmp_path / "wrong.py"
    config.write_text(f"_base_ = {str(quick)!r}\nval_evaluator = dict(type='FaceAQ')\n")
    with pytest.raises(UserError, match="FaceAQ"):
        try_run(config, **sets)
    finetune(quick, **sets, epochs=1)
    with pytest.raises(UserError, match="contains an earlier run"):
        try_run(quick, **sets)
    with pytest.raises(UserError, match="all 1 epochs are complete"):
        try_run(quick, **sets, epochs=1, resume=True)
