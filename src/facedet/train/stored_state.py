"""What last.pth must hold, checked before it is used: a run continues as if it had never stopped, or not at all."""

import hashlib
import json
import math
from collections.abc import Iterator
from itertools import count
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from facedet.data.fingerprint import is_fingerprint
from facedet.train.optimizer import state_after_a_step
from facedet.train.run import State
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import is_state_dict

_PARTS = {"state_dict", "meta", "optimizer", "param_schedulers", "digest"}
_COUNTS = ("epoch", "iter", "max_epochs", "effective_batch", "accumulate", "validated", "seed")
_MOST_VALUES = 10_000_000  # in a checkpoint; one that repeats its parts could have more than any memory
_VIEWS = ("augment", "mosaic", "repeat")  # settings of a dataset that decide what training sees


def content_digest(content: dict[str, Any]) -> str:
    """SHA-256 over all names, values and tensors except `digest`. Raises ValueError if a file must not hold them."""
    digest, numbers = hashlib.sha256(), count(1)
    for piece in _pieces({name: part for name, part in content.items() if name != "digest"}):
        digest.update(piece)
        if next(numbers) > _MOST_VALUES:
            raise ValueError("too many values")
    return digest.hexdigest()


def _pieces(node: Any) -> Iterator[Any]:
    if isinstance(node, Tensor):
        size = node.numel() * node.element_size()
        if node.layout is not torch.strided or node.is_meta or node.is_quantized:
            raise ValueError("a tensor without plain values")
        if size > node.untyped_storage().nbytes():
            raise ValueError("a tensor larger than its content")
        yield f"{node.dtype}{list(node.shape)}".encode()
        yield node.reshape(-1).view(torch.uint8).numpy()
    elif isinstance(node, dict):
        yield f"dict of {len(node)}".encode()
        for name, value in node.items():
            yield repr(name).encode()
            yield from _pieces(value)
    elif isinstance(node, list | tuple):
        yield f"{type(node).__name__} of {len(node)}".encode()
        for value in node:
            yield from _pieces(value)
    else:
        yield repr(node).encode("utf-8", "surrogatepass")


def damage(content: dict[str, Any]) -> str:
    """Why no run can continue from the content of a file, as the end of `FILE: ...`; empty if one may."""
    if not content.keys() >= _PARTS:
        return "is not a last.pth, or an earlier version wrote it, so it can only give its weights (--weights)"
    try:
        changed = content_digest(content) != content["digest"]
    except (ValueError, RecursionError):  # no file of ours has such values
        changed = True
    if changed:
        return "is damaged: it is not what training wrote"
    if not is_state_dict(content.get("trained", {})):
        return "is damaged: trained is not a dict of tensors"
    problem = next(_problems_of_meta(content["meta"]), "")
    return f"is damaged: {problem}" if problem else ""


def _problems_of_meta(meta: Any) -> Iterator[str]:
    example = {META_KEY: "", "cfg": "", "settings": {}, "data": [], "history": {}, **dict.fromkeys(_COUNTS, 0)}
    if not isinstance(meta, dict):
        yield "meta is not a dict"
        return
    for name, value in example.items():
        if type(meta.get(name)) is not type(value) or (value == 0 and meta[name] < 0):
            yield f"meta has no {name}, or one of another type"
            return
    if not max(meta["epoch"], meta["validated"]) <= meta["max_epochs"] or meta["validated"] > meta["epoch"]:
        yield "its epochs contradict each other"
    if not all(isinstance(value, str) for value in meta["settings"].values()):
        yield "meta.settings are not texts"
    if len(meta["data"]) != 2 or not all(map(is_fingerprint, meta["data"])):
        yield "meta.data is not that of two datasets"
    if not _is_history(meta["history"], meta["iter"]):
        yield "meta.history is not that of its iterations"


def _is_history(history: dict[str, Any], iterations: int) -> bool:
    losses, scalars, metrics, unreadable = map(history.get, ("losses", "scalars", "metrics", "unreadable"))
    return (
        _are_numbers(losses, (iterations, 2))
        and isinstance(scalars, dict)
        and all(isinstance(name, str) and _are_numbers(each, (iterations,)) for name, each in scalars.items())
        and isinstance(metrics, list)
        and all(isinstance(each, tuple) and len(each) == 2 and _are_metrics(*each) for each in metrics)
        and isinstance(unreadable, list)
        and all(isinstance(each, str) for each in unreadable)
    )


def _are_numbers(values: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(values, Tensor) and values.dtype == torch.float64 and values.shape == shape


def _are_metrics(epoch: Any, metrics: Any) -> bool:
    return type(epoch) is int and isinstance(metrics, dict) and all(type(each) is float for each in metrics.values())


def first_difference(content: dict[str, Any], state: State) -> str:
    """Where the content of last.pth does not fit the state of a run that was built anew; empty if all of it fits.

    Compares names, types, shapes, and numbers with being finite; the values are the file's.
    """
    optimizer, started = state.optimizer.state_dict(), content["meta"]["iter"] > 0
    expected: dict[str, Any] = {
        "state_dict": dict(state.judged.state_dict()),
        "optimizer": {**optimizer, "state": state_after_a_step(state.optimizer.optimizer) if started else {}},
        "param_schedulers": [plain_values(schedule.state_dict()) for schedule in state.schedules],
    }
    if state.average:
        expected["trained"] = dict(state.network.state_dict())
    found = {name: part for name, part in content.items() if name not in ("meta", "digest")}
    return next(_differences(found, expected, ""), "")


def _differences(found: Any, built: Any, where: str) -> Iterator[str]:
    if isinstance(built, Tensor):
        if not isinstance(found, Tensor) or found.shape != built.shape or found.dtype != built.dtype:
            yield f"{where} is not a tensor of {list(built.shape)}, {built.dtype}"
        elif not torch.isfinite(found).all():
            yield f"{where} has values that are not finite"
    elif isinstance(built, dict):
        if not isinstance(found, dict) or found.keys() != built.keys():
            yield f"{where or 'the file'} has other parts"
            return
        for name, value in built.items():
            yield from _differences(found[name], value, f"{where}.{name}" if where else str(name))
    elif isinstance(built, list | tuple):
        if type(found) is not type(built) or len(found) != len(built):
            yield f"{where} has another length"
            return
        for number, (one, other) in enumerate(zip(found, built, strict=True)):
            yield from _differences(one, other, f"{where}.{number}")
    elif type(built) in (int, float):
        if type(found) not in (int, float) or (math.isfinite(built) and not math.isfinite(found)):
            yield f"{where} is not a number"
    elif type(found) is not type(built) or (isinstance(built, str | bool) and found != built):
        yield f"{where} is another setting"


def plain_values(state: dict[str, Any]) -> dict[str, Any]:
    """A schedule's state without functions, which no checkpoint may hold; a new schedule has its own."""
    return {name: value for name, value in state.items() if not callable(value)}


def deciding_settings(cfg: Config) -> dict[str, str]:
    """The settings of a config, fitted to its run, that decide the result and that nothing else in `meta` holds."""
    optimizer = {k: v for k, v in cfg.optim_wrapper.items() if k not in ("type", "bfloat16", "accumulative_counts")}
    loader = cfg.train_dataloader
    settings = {
        "optim_wrapper": optimizer,
        "param_scheduler": cfg.param_scheduler,
        "train_cfg.average": cfg.train_cfg.get("average"),
        "train_dataloader.sampler": loader.sampler,
        **{f"train_dataloader.dataset.{name}": loader.dataset.get(name) for name in _VIEWS},
    }
    return {name: json.dumps(value, sort_keys=True, default=str) for name, value in settings.items()}
