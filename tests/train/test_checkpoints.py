"""Checkpoints: their content, and when they are written."""

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.stub_run import resumed, stub_config, stub_run, train_stub

from facedet.common.errors import UserError
from facedet.detector.config import load_config
from facedet.train import checkpoints
from facedet.train.checkpoints import Checkpoints
from facedet.weights.torch_file import read_torch_file


def test_checkpoints_contain_what_is_documented(trained: Path) -> None:
    best, last = (read_torch_file(trained / name) for name in ("best.pth", "last.pth"))
    averaged = {"trained"} if load_config("tiny").train_cfg.get("average") else set()
    assert best.keys() == {"state_dict", "meta"}
    assert last.keys() == {"state_dict", "meta", "optimizer", "param_schedulers", "digest"} | averaged
    meta = {"facedet", "epoch", "iter", "max_epochs", "effective_batch", "accumulate", "validated", "history", "cfg"}
    meta |= {"seed", "time", "mmengine_version", "dataset_meta", "data", "settings"}
    meta |= {"version", "recipe", "lineage", "data_names", "data_licences"}
    assert best["meta"].keys() == meta | {"AP", "operating_point"}
    assert last["meta"].keys() == meta
    assert last["meta"]["history"].keys() == {"losses", "scalars", "metrics", "unreadable"}
    documentation = Checkpoints.__doc__ or ""
    assert all(f"`{key}`" in documentation for key in (*last, *best["meta"], *last["meta"]["history"]))


def test_saving_after_epochs_does_not_slow_training_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    write: Callable = checkpoints.write_torch_file

    def noted(content: dict, path: Path, **more: object) -> None:
        if path.name == "last.pth":
            saved.append(content["meta"]["epoch"])
        write(content, path, **more)

    monkeypatch.setattr(checkpoints, "write_torch_file", noted)
    monkeypatch.setattr(checkpoints, "_SHARE", 1e-9)
    assert train_stub(stub_run(stub_config(max_epochs=4), ap=lambda validation: 0.5), tmp_path)
    assert saved == [1, 4]  # no AP is better than the first
    assert read_torch_file(tmp_path / "last.pth")["meta"]["epoch"] == 4


def test_best_pth_stays_that_of_the_best_epoch_and_previous_pth_is_a_last_pth(tmp_path: Path) -> None:
    run = stub_run(stub_config(max_epochs=3), ap=lambda validation: {2: 0.8}.get(validation, 0.4))
    assert train_stub(run, tmp_path)
    best, last, previous = (read_torch_file(tmp_path / f"{name}.pth") for name in ("best", "last", "previous"))
    assert (best["meta"]["epoch"], best["meta"]["validated"], best["meta"]["AP"]) == (2, 2, 0.8)
    assert "optimizer" not in best
    assert (previous["meta"]["epoch"], last["meta"]["epoch"]) == (2, 3)
    assert "optimizer" in previous


class _OnGpu(torch.Tensor):
    """A tensor that is somewhere else until it is asked for its copy on the CPU."""

    def cpu(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        return self.as_subclass(torch.Tensor)


def test_everything_in_last_pth_is_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, written = stub_run(stub_config()), []
    assert train_stub(run, tmp_path)
    for part in (run.state.network, run.state.average.network, run.state.optimizer):  # type: ignore[union-attr]
        monkeypatch.setattr(part, "state_dict", lambda state=part.state_dict: _on_gpu(state()))
    monkeypatch.setattr(checkpoints, "write_torch_file", lambda content, *args, **more: written.append(content))
    Checkpoints(run, tmp_path).save_last()
    tensors = list(_tensors(written[0]))
    assert len(tensors) > 20
    assert {type(tensor) for tensor in tensors} == {torch.Tensor}


def _on_gpu(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _on_gpu(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_on_gpu(value) for value in node]
    return node.as_subclass(_OnGpu) if isinstance(node, torch.Tensor) else node


def _tensors(node: Any) -> Iterator[torch.Tensor]:
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ():
        yield from [value] if isinstance(value, torch.Tensor) else _tensors(value)


def test_a_full_disk_ends_in_one_line_and_leaves_the_earlier_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    write: Callable = checkpoints.write_torch_file

    def on_a_full_disk(content: dict, path: Path, **more: object) -> None:
        if content["meta"]["epoch"] == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, largest[1]))
        try:
            write(content, path, **more)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, largest)

    monkeypatch.setattr(checkpoints, "write_torch_file", on_a_full_disk)
    run = stub_run(stub_config(max_epochs=3), ap=lambda validation: 0.5, save_every=0)
    with pytest.raises(UserError, match=r"last\.pth: cannot be written; is the disk full\?"):
        train_stub(run, tmp_path)
    monkeypatch.undo()
    assert read_torch_file(tmp_path / "last.pth")["meta"]["iter"] == 9
    assert read_torch_file(tmp_path / "best.pth")["meta"]["epoch"] == 1
    assert not list(tmp_path.glob(".facedet-*"))
    again = resumed(stub_run(stub_config(max_epochs=3)), tmp_path)
    assert train_stub(again, tmp_path)
    assert again.state.epoch == 3


def test_a_last_pth_with_other_parameter_groups_is_refused(tmp_path: Path) -> None:
    assert train_stub(stub_run(stub_config()), tmp_path)
    content = read_torch_file(tmp_path / "last.pth")
    groups = content["optimizer"]["param_groups"]
    apart = [{**group, "params": [parameter]} for group in groups for parameter in group["params"]]
    content["optimizer"]["param_groups"] = apart  # one for each parameter, as it was
    checkpoints.write_torch_file(content, tmp_path / "last.pth")
    with pytest.raises(UserError, match=r"last\.pth: is of another run: optimizer\.param_groups has another length"):
        resumed(stub_run(stub_config()), tmp_path)
