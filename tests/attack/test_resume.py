"""Damaged and foreign last.pth: refused in one line, or the run ends with the weights of the undamaged one."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.attack import Counts, random_of

from facedet.common.errors import UserError
from facedet.train import finetune
from facedet.train.run import Run
from facedet.train.stored_state import content_digest, damage
from facedet.weights.torch_file import read_torch_file, write_torch_file

_SAMPLES = 100  # of the whole attack, for each kind
_SGD = "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.001, momentum=0.9))"
_OTHER_CONFIGS = {
    "average": "train_cfg = dict(average=None)",
    "optimizer": _SGD,
    "rate": "optim_wrapper = dict(optimizer=dict(lr=0.5))",
    "groups": "optim_wrapper = dict(paramwise_cfg=dict(_delete_=True, bias_lr_mult=2.0))",
    "schedule": "param_scheduler = []",
    "views": "train_dataloader = dict(dataset=dict(augment=dict(rotate=3)))",
    "network": "model = dict(neck=dict(out_channels=16), bbox_head=dict(in_channels=16))",
    "loss": "model = dict(bbox_head=dict(loss_bbox=dict(loss_weight=9.0)))",
}


@pytest.fixture(scope="module")
def config(narrow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.py"
    path.write_text(
        f"_base_ = {str(narrow)!r}\ntrain_cfg = dict(average=0.9, min_steps=0, val_interval=1)\n"
        "train_dataloader = dict(num_workers=0, batch_size=8)\nval_dataloader = dict(num_workers=0)\n"
    )
    return path


Trainer = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run(config: Path, drawn: Path) -> Trainer:
    """Trains two epochs in a work dir. Returns the content of its last.pth."""

    def train(work_dir: Path, config: Path = config, **options: Any) -> dict[str, Any]:
        sets = drawn / "train.json", drawn / "val.json"
        finetune(config, *sets, work_dir=work_dir, **{"epochs": 2, "amp": "off", "device": "cpu", **options})
        return read_torch_file(work_dir / "last.pth")

    return train


@pytest.fixture(scope="module")
def stopped(run: Trainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a run that ended after one of two epochs."""
    return _stopped(run, tmp_path_factory.mktemp("stopped") / "run")


def _stopped(run: Trainer, work_dir: Path, **options: Any) -> Path:
    def stop(run: Run) -> None:
        if run.state.epoch == 1:
            raise UserError("stopped here")

    with pytest.raises(UserError, match="stopped here"):
        run(work_dir, on_epoch=stop, save_every=0, **options)
    return work_dir


@pytest.fixture(scope="module")
def end(run: Trainer, stopped: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last.pth with which the undamaged run ends."""
    folder = tmp_path_factory.mktemp("end") / "run"
    shutil.copytree(stopped, folder)
    return run(folder, resume=True)


def assert_ends_like(found: dict[str, Any], end: dict[str, Any]) -> None:
    for part in ("state_dict", "trained"):
        assert found[part].keys() == end[part].keys()
        assert all(torch.equal(tensor, end[part][name]) for name, tensor in found[part].items())
    assert found["meta"]["iter"] == end["meta"]["iter"]
    assert torch.equal(found["meta"]["history"]["losses"], end["meta"]["history"]["losses"])


def places(node: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Every dict or list inside, with each of its keys."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    for key in keys:
        yield node, key
        yield from places(node[key], depth + 1)


def damaged(content: dict[str, Any], rng: random.Random) -> str:
    """Damage a content in place so that a name, a type or a shape differs. Returns what was done."""
    start = content[rng.choice(["meta", "optimizer", "param_schedulers", "meta", "trained"])]
    node, key = rng.choice([*places({"part": start})] if rng.random() < 0.1 else [*places(start)])
    value = node[key]
    others: list[Any] = ["text", None, {}, [], {"a": 1}, [1], (1,), b"\0", float("nan"), -1, 10**30, 2.5, True, 1j]
    others += [torch.zeros(3), torch.zeros(2, 2, dtype=torch.int64), torch.full((2,), float("nan"))]
    if isinstance(value, torch.Tensor):
        others += [value[None], value.double(), value.flatten()[:1].clone(), torch.full_like(value.float(), torch.nan)]
    # a number that stays one would be another run's checkpoint, which nothing can notice once it has its digest
    others = [each for each in others if not _is_number(value) or not _is_number(each) or each != each]
    if rng.random() < 0.3:
        del node[key]
        return f"without {key}"
    node[key] = rng.choice(others)
    return f"{key} = {node[key]!r:.60}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def changed_value(content: dict[str, Any], rng: random.Random) -> str:
    """Change a number, a text or an element of a tensor in place; only a digest can tell."""
    found = [*places(content["optimizer"]), *places(content["param_schedulers"]), *places(content["meta"])]
    found += [(content[part], name) for part in ("trained", "state_dict") for name in content[part]]
    node, key = rng.choice([(n, k) for n, k in found if isinstance(n[k], int | float | str | torch.Tensor)])
    if isinstance(node[key], torch.Tensor):
        node[key] = node[key].clone(memory_format=torch.contiguous_format)
        node[key].view(-1)[rng.randrange(node[key].numel())] += 1
    else:
        node[key] = node[key] + "x" if isinstance(node[key], str) else node[key] + 1
    return f"{key} changed"


def changed_bytes(path: Path, rng: random.Random) -> str:
    """Cut a file, or change bytes of it."""
    content = bytearray(path.read_bytes())
    kind, at = rng.choice(["cut", "bits", "zeros", "moved"]), rng.randrange(len(content))
    if kind == "cut":
        del content[at:]
    elif kind == "bits":
        content[at] ^= 1 << rng.randrange(8)
    elif kind == "zeros":
        length = min(4096, len(content) - at)
        content[at : at + length] = bytes(length)
    else:
        del content[at : at + rng.randrange(1, 4096)]
    path.write_bytes(content)
    return f"{kind} at {at}"


def test_damaged_resume(run: Trainer, stopped: Path, end: dict, share: float, counts: Counts, tmp_path: Path) -> None:
    for kind in ("structure", "values", "bytes"):
        rng = random_of(kind)
        for number in range(round(_SAMPLES * share)):
            folder = _copy(stopped, tmp_path / f"{kind}-{number}")
            what = _damage_last(folder, kind, number, rng)
            with counts.sample(f"{kind} {number}: {what}"):
                assert_ends_like(run(folder, resume=True), end)
            shutil.rmtree(folder)


def _damage_last(folder: Path, kind: str, number: int, rng: random.Random) -> str:
    """Damage last.pth in one of the three ways; every twentieth run keeps its previous.pth. Returns what was done."""
    if number % 20 < 19:
        (folder / "previous.pth").unlink()
    last = folder / "last.pth"
    if kind == "bytes":
        return changed_bytes(last, rng)
    content = read_torch_file(last)
    what = damaged(content, rng) if kind == "structure" else changed_value(content, rng)
    if kind == "structure" and number % 2:
        content["digest"] = content_digest(content)
        what += ", with its digest"
    write_torch_file(content, last)
    return what


def test_foreign_resume(
    config: Path, run: Trainer, stopped: Path, end: dict, counts: Counts, tmp_path: Path, drawn: Path
) -> None:
    def resume(folder: Path, name: str, config: Path = config, **options: Any) -> None:
        (folder / "previous.pth").unlink(missing_ok=True)
        with counts.sample(name):
            run(folder, config, resume=True, **options)
            raise AssertionError("it went on")

    for name, line in _OTHER_CONFIGS.items():
        other = tmp_path / f"{name}.py"
        other.write_text(f"_base_ = {str(config)!r}\n{line}\n")
        resume(_copy(stopped, tmp_path / name), name, other)
    for name, options in {"seed": {"seed": 1}, "epochs": {"epochs": 3}, "freeze": {"freeze": 1}}.items():
        resume(_copy(stopped, tmp_path / name), name, **options)
    for name, source in {"best": stopped / "best.pth", "annotations": drawn / "train.json"}.items():
        folder = _copy(stopped, tmp_path / name)
        shutil.copy(source, folder / "last.pth")
        resume(folder, name)
    assert counts.refused == len(_OTHER_CONFIGS) + 5


@pytest.mark.parametrize("name", ["images", "faces", "digest", "more"])
@pytest.mark.parametrize("value", [None, 2.5, True, -1, [1], {}, torch.zeros(3), torch.zeros(())])
def test_a_fingerprint_with_other_values_is_damaged(stopped: Path, name: str, value: Any) -> None:
    content = read_torch_file(stopped / "last.pth")
    assert damage(content) == ""
    content["meta"]["data"][1][name] = value
    content["digest"] = content_digest(content)
    assert damage(content) == "is damaged: meta.data is not that of two datasets"


def test_previous_is_used(
    config: Path, run: Trainer, stopped: Path, end: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _copy(stopped, tmp_path / "run")
    shutil.copy(folder / "best.pth", folder / "last.pth")
    assert_ends_like(run(folder, resume=True), end)
    assert "last.pth: is not a last.pth, or an earlier version wrote it" in capsys.readouterr().out


def _copy(folder: Path, copied: Path) -> Path:
    return Path(shutil.copytree(folder, copied))
