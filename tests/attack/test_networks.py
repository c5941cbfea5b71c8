"""500 hostile networks, pickles and tensors: none runs code, each is refused or one of ours."""

import json
import os
import pickle
import random
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import torch
from helpers.apart import try_apart
from helpers.attack import Counts, random_of
from helpers.attacked import Attacked, build, try_model
from helpers.network_mutants import mutant
from helpers.once import Once
from helpers.payload import CALLS, Call

from facedet.common.errors import UserError
from facedet.detector.config import network_config
from facedet.detector.model import build_detector
from facedet.detector.stored_network import StoredNetwork
from facedet.inference.session import open_session
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import read_torch_file

CONFIGS, TENSORS = 300, 95
PICKLES = len(CALLS) * 5 * 3
KINDS = {"config": CONFIGS, "pickle": PICKLES, "tensor": TENSORS}
SAMPLES = [f"{kind} {k}" for kind, count in KINDS.items() for k in range(count)]
random.Random(0).shuffle(SAMPLES)


def attempt(models: Attacked, name: str) -> None:
    kind, number = name.split()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "evil").mkdir()
        for module in ("__init__", "registry"):
            (folder / "evil" / f"{module}.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
        sys.path.insert(0, place)
        try:
            {"config": _config, "pickle": _pickle, "tensor": _tensor}[kind](models, int(number), folder)
        finally:
            os.chdir("/")
            sys.path.remove(place)
            assert not (folder / "ran").exists(), "executed"


def _config(models: Attacked, number: int, folder: Path) -> None:
    rng = random_of(number)
    content = read_torch_file(models.checkpoint)
    text = json.dumps(mutant(rng, json.loads(content["meta"][META_KEY])))
    original = models.files[number % 3]
    path = folder / original.name
    if original == models.checkpoint:
        content["meta"][META_KEY] = text
        content["state_dict"] = _weights(text) or content["state_dict"]
        torch.save(content, path)
    elif original == models.onnx:
        model = onnx.load(original)
        next(each for each in model.metadata_props if each.key == "facedet_network").value = text
        onnx.save(model, path)
    else:
        tree = ET.parse(original)
        network = tree.find("rt_info/facedet/network")
        assert network is not None
        network.set("value", text)
        tree.write(path)
        path.with_suffix(".bin").write_bytes(original.with_suffix(".bin").read_bytes())
    may = "refused or changed" if original == models.checkpoint else "refused or same"
    try_model(path, original, may)


def _weights(text: str) -> dict[str, torch.Tensor] | None:
    """Weights for a network; None if it is not built."""
    try:
        return build_detector(network_config(StoredNetwork.from_json(text), "x.pth")).state_dict()
    except (UserError, ValueError):
        return None


def _pickle(models: Attacked, number: int, folder: Path) -> None:
    """A call in one of five places of a checkpoint, in one of three formats."""
    call = Call(CALLS[number // 15], folder / "ran")
    content: Any = read_torch_file(models.checkpoint)
    place, form = number // 3 % 5, number % 3
    if place == 0:
        content = call
    elif place == 1:
        content["meta"]["time"] = call
    elif place == 2:
        content["state_dict"]["backbone.conv1.weight"] = call
    elif place == 3:
        content["optimizer"] = {"state": [{0: call}]}
    else:
        content = [content, call]
    path = folder / "evil.pth"
    if form == 2:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == 0)
    _must_refuse(lambda: try_model(path, models.checkpoint, "refused or changed"))


def _tensor(models: Attacked, number: int, folder: Path) -> None:
    """A tensor that no network can use: refused with its name."""
    rng = random_of(number)
    content = read_torch_file(models.checkpoint)
    state = content["state_dict"]
    name = rng.choice([key for key, value in state.items() if value.is_floating_point() and value.dim() > 0])
    value = state[name]
    holed = value.clone()
    holed.flatten()[0] = rng.choice([float("nan"), float("inf"), -float("inf")])
    state[name] = rng.choice([
        holed, holed.half(), holed.bfloat16(), value.to_sparse(), value.to("meta"), value.to(torch.complex64),
        value.to(torch.float8_e4m3fn), torch.zeros(1).expand(10**9), value[..., :-1], value[None],
        value.double() * 1e300 + 1e300,
        torch.zeros(0), torch.zeros(1).expand(value.shape[0], 10**8),
    ])  # fmt: skip
    old_format = rng.random() < 0.5  # it does not hold every kind of tensor, and then names none
    torch.save(content, folder / "x.pth", _use_new_zipfile_serialization=not old_format)
    _must_refuse(lambda: open_session(folder / "x.pth"), "" if old_format else name)


def _must_refuse(action: Callable[[], object], name: str = "") -> None:
    """Raise the UserError of the action, whose text must contain a name; AssertionError if there is none."""
    try:
        action()
    except UserError as error:
        if name not in str(error):
            raise AssertionError(f"another message: {error}") from error
        raise
    raise AssertionError("accepted")


def test_hostile_networks(share: float, counts: Counts, once: Once) -> None:
    models = once("attacked", build)
    count = round(len(SAMPLES) * share)
    try_apart(counts, partial(attempt, models), SAMPLES[:count])
    assert counts.refused >= count / 2  # or else they would be harmless
