"""A network from a file of anybody: built if it is one of ours, refused in one line if not, and nothing is imported."""

import copy
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.detector.complexity import measure
from facedet.detector.config import load_config, network_config, network_to_json
from facedet.detector.stored_network import StoredNetwork
from facedet.weights.checkpoint import META_KEY
from facedet.weights.torch_file import read_torch_file, write_torch_file

HOSTILE = [
    *(None, True, 0, -1, 1, 3, 7, 10**7, 10**400, 1e308, 0.5, float("nan"), float("inf"), "", "evil", "x" * 1000),
    *([], [1], [0, 0, 0], [[1]], [10**9] * 4, [-1, 0], [3, 2, 1, 0], {}, {"type": "evil.Thing"}, {"_scope_": "evil"}),
]
KEYS = ["_scope_", "evil", "type", "dcn", "plugins", "conv_cfg", "norm_cfg"]


def paths(node: Any, start: tuple = ()) -> Iterator[tuple]:
    """The keys that lead to each value of a description."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*start, key)
        yield from paths(value, (*start, key))


def mutant(rng: random.Random) -> dict[str, Any]:
    """A network of ours with one or two values lost, foreign, or a little different."""
    content = json.loads(network_to_json(load_config(rng.choice(["tiny", "small"]))))
    for _ in range(rng.choice([1, 1, 2])):
        *outer, key = rng.choice(list(paths(content)))
        node = content
        for each in outer:
            node = node[each]
        value, way = node[key], rng.random()
        if way < 0.15 and isinstance(node, dict):
            del node[key]
        elif way < 0.3 and isinstance(value, dict):
            value[rng.choice(KEYS)] = copy.deepcopy(rng.choice(HOSTILE))
        elif way < 0.6 and type(value) in (int, float):
            node[key] = rng.choice([value + 1, value - 1, value * 2, type(value)(value / 2)])
        else:
            node[key] = copy.deepcopy(rng.choice(HOSTILE))
    return content


def outcome(content: dict[str, Any]) -> str:
    """`built` or `refused`; any other error is a fault. A network that is built also runs."""
    try:
        measure(network_config(StoredNetwork.from_json(json.dumps(content)), "x.pth"))
    except UserError as error:
        return "refused" if len(str(error).splitlines()) == 1 else "refused in several lines"
    except ValueError:  # the readers of files make one line of it
        return "refused"
    return "built"


@pytest.mark.parametrize("count", [30, pytest.param(500, marks=pytest.mark.full)])
def test_a_hostile_network_is_refused_or_runs(count: int) -> None:
    rng = random.Random(count)
    counts = Counter(outcome(mutant(rng)) for _ in range(count))
    assert counts.keys() == {"built", "refused"}
    assert counts["refused"] >= count / 3  # or else the mutants would be harmless
    assert counts["built"] >= count / 10  # or else everything would be refused


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("backbone", "_scope_"), "evil", r"has the key 'model\.backbone\._scope_'"),
        (("bbox_head", "anchor_generator", "_scope_"), "evil", r"has the key 'model\.bbox_head\.anchor_generator\._sc"),
        (("bbox_head", "stacked_convs"), 10**7, r"has model\.bbox_head\.stacked_convs = 10000000"),
        (("neck", "out_channels"), 10**9, r"has model\.neck\.out_channels = 1000000000"),
        (("backbone", "depth"), True, r"has model\.backbone\.depth = True"),
        (("backbone",), "ResNet", r"has model\.backbone = 'ResNet'"),
        (("neck", "in_channels"), [64, 128, 256, 500], r"cannot run"),
        (("neck", "\x1b[31mred\n"), 1, r"has the key 'model\.neck\.\\x1b\[31mred\\n'"),
    ],
)
def test_the_reason_names_the_key(keys: tuple[str, ...], value: Any, message: str) -> None:
    content = json.loads(network_to_json(load_config("tiny")))
    node = content["model"]
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    with pytest.raises(UserError, match=message):
        measure(network_config(StoredNetwork.from_json(json.dumps(content)), "x.pth"))


@pytest.mark.parametrize("text", ["[]", "1", "{}", '{"model": ' * 3000, '{"input_size": 10000000, "model": {}}', "NaN"])
def test_text_that_describes_no_network_is_damaged(text: str) -> None:
    with pytest.raises(ValueError, match=r"config|input_size|not a number|JSON|Expecting"):
        StoredNetwork.from_json(text)


@pytest.mark.parametrize("verb", ["info", "detect", "export"])
def test_no_verb_imports_what_a_file_names(
    verb: str, trained: Path, two_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil/__init__.py").write_text("")
    (tmp_path / "evil/registry.py").write_text("raise SystemExit('executed')")
    content = read_torch_file(trained / "best.pth")
    network = json.loads(content["meta"][META_KEY])
    network["model"]["backbone"]["_scope_"] = "evil"
    content["meta"][META_KEY] = json.dumps(network)
    write_torch_file(content, tmp_path / "evil.pth")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    more = {"info": [], "detect": [str(two_images), "-o", "out"], "export": ["-o", "out"]}[verb]
    done = CliRunner().invoke(main, [verb, "evil.pth", *more])
    assert (done.exit_code, "evil" in sys.modules) == (2, False)
    assert "evil.pth: its network has the key 'model.backbone._scope_'" in done.output
