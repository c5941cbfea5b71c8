"""A network from a file of anybody: built if it is one of ours, refused in one line if not, and nothing is imported."""

import json
import sys
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
