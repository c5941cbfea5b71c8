"""The training loop, with a network of a few weights."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.stub_run import StubNetwork, resumed, stub_config, stub_run, train_stub
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import Tensor

from facedet.common.errors import UserError
from facedet.train.machine.stop import StopRequest
from facedet.train.run import Run
from facedet.weights.torch_file import read_torch_file


def outcome(run: Run) -> dict[str, Any]:
    state = run.state
    return {
        **state.network.state_dict(),
        **{f"average {name}": tensor for name, tensor in state.average.network.state_dict().items()},
        **{f"{k} {name}": v for k, s in state.optimizer.state_dict()["state"].items() for name, v in s.items()},
        "losses": torch.tensor(state.history.losses),
        "lr": torch.tensor(state.history.scalars["lr"]),
        "counts": torch.tensor([state.epoch, state.iteration, state.validated, len(state.history.metrics)]),
    }


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    assert not [name for name in expected if not torch.equal(found[name], expected[name])]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run ends with that was never stopped."""
    run = stub_run(stub_config())
    assert train_stub(run, tmp_path_factory.mktemp("whole"))
    return outcome(run)


@pytest.mark.parametrize("iteration", range(1, 13))
def test_a_stop_at_any_iteration_changes_nothing(iteration: int, whole: dict[str, Any], tmp_path: Path) -> None:
    stop = StopRequest()

    def signal(loss: Tensor) -> Tensor:
        stop.signal_number = 15
        return loss

    first = stub_run(stub_config(), network=StubNetwork({iteration: signal}))
    complete = train_stub(first, tmp_path, stop)
    assert not complete
    expected = -(-iteration // 3) * 3  # never between the batches of a step
    meta = read_torch_file(tmp_path / "last.pth")["meta"]
    assert (meta["iter"], meta["epoch"]) == (expected, expected // 6)
    second = resumed(stub_run(stub_config()), tmp_path)
    assert train_stub(second, tmp_path)
    assert_equal(outcome(second), whole)
    assert second.state.network.passes == 12 - expected
    assert read_torch_file(tmp_path / "last.pth")["meta"]["validated"] == 2


def test_a_stop_in_a_validation_repeats_the_validation(whole: dict[str, Any], tmp_path: Path) -> None:
    stop, run = StopRequest(), stub_run(stub_config())
    validate = run.state.average.network.val_step  # type: ignore[union-attr]
    run.state.average.network.val_step = lambda batch: (setattr(stop, "signal_number", 2), validate(batch))[1]  # type: ignore
    assert not train_stub(run, tmp_path, stop)
    meta = read_torch_file(tmp_path / "last.pth")["meta"]
    assert (meta["epoch"], meta["validated"]) == (1, 0)
    second = resumed(stub_run(stub_config()), tmp_path)
    assert train_stub(second, tmp_path)
    assert_equal(outcome(second), whole)


def test_a_stop_at_the_end_of_an_epoch_without_validation_loses_nothing(tmp_path: Path) -> None:
    stop, epochs = StopRequest(), []

    def signal(loss: Tensor) -> Tensor:
        stop.signal_number = 15
        return loss

    options = {"on_epoch": lambda run: epochs.append(run.state.epoch)}
    first = stub_run(stub_config(max_epochs=4, val_interval=2), network=StubNetwork({6: signal}), **options)
    assert not train_stub(first, tmp_path, stop)
    assert read_torch_file(tmp_path / "last.pth")["meta"]["iter"] == 6
    assert train_stub(resumed(stub_run(stub_config(max_epochs=4, val_interval=2), **options), tmp_path), tmp_path)
    assert epochs == [1, 2, 3, 4]


def test_the_average_takes_each_step_once(tmp_path: Path) -> None:
    run, weights = stub_run(stub_config()), []
    step = run.state.optimizer.step
    run.state.optimizer.step = lambda: (step(), weights.append(run.state.network.backbone.weight.detach().clone()))  # type: ignore
    expected = run.state.average.network.backbone.weight.clone()  # type: ignore[union-attr]
    assert train_stub(run, tmp_path)
    for k, weight in enumerate(weights, 1):
        keep = min(0.9, (1 + k) / (10 + k))
        expected = keep * expected + (1 - keep) * weight
    assert len(weights) == 4
    torch.testing.assert_close(run.state.average.network.backbone.weight, expected)  # type: ignore[union-attr]


def test_a_timed_checkpoint_waits_for_losses_that_are_read_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facedet.train import checkpoints

    seen: list[tuple[int, int]] = []
    write: Callable = checkpoints.write_torch_file

    def noted(content: dict, path: Path, **more: Any) -> None:
        seen.append((content["meta"]["iter"], len(content["meta"]["history"]["losses"])))
        write(content, path, **more)

    monkeypatch.setattr(checkpoints, "write_torch_file", noted)
    run = stub_run(stub_config(accumulate=1, val_interval=9), save_every=0)
    assert train_stub(run, tmp_path, read_every=4)
    assert [iteration for iteration, _ in seen] == [4, 6, 10, 12, 12]
    assert all(iteration == losses for iteration, losses in seen)


@pytest.mark.parametrize(
    "schedule",
    [
        {"type": "OneCycleLR", "eta_max": 0.1, "total_steps": 12, "by_epoch": False},
        {"type": "CosineAnnealingLR", "by_epoch": True, "convert_to_iter_based": True, "eta_min": 0},
        {"type": "PolyLR", "by_epoch": True, "eta_min": 0},
        {"type": "ReduceOnPlateauLR", "monitor": "AP", "rule": "greater", "patience": 1},
        {"type": "CosineRestartLR", "periods": [1, 1], "restart_weights": [1, 0.5], "eta_min": 0},
    ],
    ids=lambda schedule: schedule["type"],
)
def test_a_schedule_of_any_kind_is_resumed(schedule: dict, tmp_path: Path) -> None:
    def new(network: StubNetwork | None = None) -> Run:
        cfg = stub_config(accumulate=1)
        cfg.param_scheduler = [schedule]
        return stub_run(cfg, network=network, ap=lambda validation: 0.5)

    whole, stop = new(), StopRequest()
    assert train_stub(whole, tmp_path / "whole")

    def signal(loss: Tensor) -> Tensor:
        stop.signal_number = 15
        return loss

    assert not train_stub(new(StubNetwork({8: signal})), tmp_path, stop)
    run = resumed(new(), tmp_path)
    assert train_stub(run, tmp_path)
    assert run.state.history.scalars["lr"] == whole.state.history.scalars["lr"]
    assert len(set(run.state.history.scalars["lr"])) > 1 or schedule["type"] == "ReduceOnPlateauLR"


def test_a_run_with_other_schedules_is_not_resumed(tmp_path: Path) -> None:
    assert train_stub(stub_run(stub_config()), tmp_path)
    cfg = stub_config()
    cfg.param_scheduler = cfg.param_scheduler[:1]
    with pytest.raises(UserError, match=r"last\.pth: is of another run: param_schedulers has another length"):
        resumed(stub_run(cfg), tmp_path)


def test_a_schedule_that_follows_what_is_not_measured_is_named(tmp_path: Path) -> None:
    cfg = stub_config()
    cfg.param_scheduler = [{"type": "ReduceOnPlateauLR", "rule": "less"}]  # mmengine's default is the loss
    with pytest.raises(UserError, match=r"ReduceOnPlateauLR needs a monitor that is measured: AP"):
        train_stub(stub_run(cfg), tmp_path)


def test_the_learning_rate_changes_after_each_iteration_and_each_epoch(whole: dict[str, Any]) -> None:
    warm_up = [0.1, 0.4, 0.7, 1.0]
    expected = torch.tensor([0.001 * factor for factor in [*warm_up, 1.0, 1.0, *[0.5] * 6]])
    torch.testing.assert_close(whole["lr"], expected)


def test_a_step_is_that_of_its_batches_together(tmp_path: Path) -> None:
    runs = []
    for accumulate, batch in ((3, 2), (1, 6)):
        cfg = stub_config(accumulate=accumulate, max_epochs=1)
        cfg.train_dataloader.batch_size, cfg.param_scheduler = batch, []
        cfg.optim_wrapper.optimizer = {"type": "SGD", "lr": 0.01, "weight_decay": 0.0}
        network = StubNetwork().train()
        network.norm = torch.nn.Identity()  # whose statistics would be those of a batch
        run = stub_run(cfg, network=network)
        assert train_stub(run, tmp_path / str(batch))
        runs.append(run.state.network.backbone.weight)
    torch.testing.assert_close(runs[0], runs[1])
    assert not torch.equal(runs[0], StubNetwork().backbone.weight)


def test_no_patience_is_no_end(tmp_path: Path) -> None:
    run = stub_run(stub_config(patience=0))
    assert train_stub(run, tmp_path)
    assert run.state.epoch == 2


def test_patience_ends_a_run(tmp_path: Path) -> None:
    run = stub_run(stub_config(max_epochs=9, patience=2), ap=lambda validation: {1: 0.1, 2: 0.3}.get(validation, 0.2))
    assert train_stub(run, tmp_path)
    assert run.state.epoch == 4
    again = resumed(stub_run(stub_config(max_epochs=9, patience=2)), tmp_path)
    assert train_stub(again, tmp_path)
    assert (again.state.epoch, again.state.network.passes) == (4, 0)


@pytest.mark.parametrize(("interval", "validated"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_validations_come_by_their_interval_and_at_the_end(interval: int, validated: list[int], tmp_path: Path) -> None:
    run = stub_run(stub_config(max_epochs=5, val_interval=interval))
    assert train_stub(run, tmp_path)
    assert [epoch for epoch, _ in run.state.history.metrics] == validated


def test_on_epoch_sees_each_epoch_with_its_metrics(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run = stub_run(stub_config(), on_epoch=lambda run: seen.append((run.state.epoch, len(run.state.history.metrics))))
    assert train_stub(run, tmp_path)
    assert seen == [(1, 1), (2, 2)]


def test_a_schedule_that_follows_a_metric_gets_it(tmp_path: Path) -> None:
    cfg = stub_config(max_epochs=6)
    cfg.param_scheduler = [{"type": "ReduceOnPlateauLR", "monitor": "AP", "rule": "greater", "patience": 1}]
    run = stub_run(cfg, ap=lambda validation: 0.5)
    assert train_stub(run, tmp_path)
    rates = run.state.history.scalars["lr"]
    assert rates[0] == 0.001
    assert rates[-1] < 0.001


@OPTIM_WRAPPERS.register_module()
class CountingOptimWrapper(OptimWrapper):
    """A wrapper of a user's own."""

    calls = 0

    def update_params(self, *args: Any, **kwargs: Any) -> None:
        CountingOptimWrapper.calls += 1
        super().update_params(*args, **kwargs)


def test_a_wrapper_of_the_users_own_is_obeyed(tmp_path: Path) -> None:
    cfg = stub_config()
    cfg.optim_wrapper.type = "CountingOptimWrapper"
    run = stub_run(cfg)
    assert train_stub(run, tmp_path)
    assert CountingOptimWrapper.calls == 12


def test_timed_checkpoints_come_after_steps_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facedet.train import checkpoints

    saved: list[int] = []
    write: Callable = checkpoints.write_torch_file

    def noted(content: dict, path: Path, **more: Any) -> None:
        saved.append(content["meta"]["iter"])
        write(content, path, **more)

    monkeypatch.setattr(checkpoints, "write_torch_file", noted)
    assert train_stub(stub_run(stub_config(val_interval=9), save_every=0), tmp_path)
    assert saved == [3, 6, 9, 12, 12]  # best.pth too, at the end


def test_few_frames_lie_between_the_loop_and_the_backward_pass(tmp_path: Path) -> None:
    frames: list[str] = []

    def watch(loss: Tensor) -> Tensor:
        loss.register_hook(lambda grad: frames.extend(f.name for f in traceback.extract_stack()))
        return loss

    assert train_stub(stub_run(stub_config(), network=StubNetwork({1: watch})), tmp_path)
    own = frames[frames.index("train_stub") + 1 :]
    # `train` and `run_training` of the command line come before
    assert own[: own.index("backward") + 1] == ["train", "train_step", "update_params", "backward"]


def test_a_start_that_detects_is_epoch_0_and_stays_the_best_until_an_epoch_is_better(tmp_path: Path) -> None:
    epochs: list[int] = []
    run = stub_run(stub_config(), ap={1: 0.9, 2: 0.4, 3: 0.5}.get, on_epoch=lambda run: epochs.append(run.state.epoch))
    start = {name: tensor.clone() for name, tensor in run.state.network.state_dict().items()}
    assert train_stub(replace(run, measures_start=True), tmp_path)
    assert run.state.history.metrics == [(0, {"AP": 0.9}), (1, {"AP": 0.4}), (2, {"AP": 0.5})]
    assert epochs == [1, 2]
    best = read_torch_file(tmp_path / "best.pth")
    assert (best["meta"]["epoch"], best["meta"]["iter"], best["meta"]["AP"]) == (0, 0, 0.9)
    assert all(torch.equal(tensor, start[name]) for name, tensor in best["state_dict"].items())


def test_a_run_that_ends_after_its_start_was_measured_is_resumed(tmp_path: Path) -> None:
    def fail(loss: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    begun = replace(stub_run(stub_config(), network=StubNetwork({1: fail}), ap=lambda _: 0.9), measures_start=True)
    with pytest.raises(KeyboardInterrupt):
        train_stub(begun, tmp_path)
    again = resumed(replace(stub_run(stub_config(), ap=lambda _: 0.5), measures_start=True), tmp_path)
    assert train_stub(again, tmp_path)
    assert again.state.history.metrics == [(0, {"AP": 0.9}), (1, {"AP": 0.5}), (2, {"AP": 0.5})]
    assert read_torch_file(tmp_path / "best.pth")["meta"]["epoch"] == 0
