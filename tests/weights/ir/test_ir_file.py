"""The files of an IR: a graph and its weights, or refused in one line before OpenVINO reads them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.graphs import convolutions, replace_weight

from facedet.common.errors import UserError
from facedet.export.to_ir import save_ir
from facedet.weights.ir.graph import core, read_model
from facedet.weights.ir.ir_file import check_ir

BOMB = '<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa">{}]><net name="&k;"/>'.format(
    "".join(f'<!ENTITY {chr(98 + k)} "{f"&{chr(97 + k)};" * 20}">' for k in range(10))
)
REFUSED = {
    "empty": ("", "not an IR: it cannot be read by OpenVINO"),
    "html": ("<!DOCTYPE html><html><body>404<br></body></html>", "not an IR: it cannot be read by OpenVINO"),
    "page": ("<html/>", r"not an IR: its first element is 'html', not 'net'"),
    "lfs": ("version https://git-lfs.github.com/spec/v1\n", "not an IR: it cannot be read by OpenVINO"),
    "annotation": ("<annotation><filename>a.jpg</filename></annotation>", "its first element is 'annotation'"),
    "bomb": (BOMB, "not an IR: it cannot be read by OpenVINO"),
    "deep": ("<net>" * 20_000, "not an IR: it cannot be read by OpenVINO"),
    "archive": ("<net/>PK\x03\x04", "not an IR: it cannot be read by OpenVINO"),
    "encoding": ("<?xml version='1.0' encoding='evil'?><net/>", "not an IR: it cannot be read by OpenVINO"),
    "loop": ("<net><layers><layer type='TensorIterator'/></layers></net>", "contains TensorIterator, which may never"),
    "many": (f"<net>{'<layer/>' * 20_001}</net>", "more than 20000 operations"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_graph_is_refused(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text, message = REFUSED[kind]
    (tmp_path / "x.xml").write_text(text)
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(UserError, match=message) as caught:
        read_model(tmp_path / "x.xml")
    assert str(caught.value).isprintable()
    assert capfd.readouterr() == ("", ""), "a library wrote to the terminal"


@pytest.mark.parametrize("part", ["x.xml", "x.bin"])
def test_a_pipe_is_no_file(part: str, exported: dict[str, Path], tmp_path: Path) -> None:
    for suffix in (".xml", ".bin"):
        shutil.copy(exported["fp32"].with_suffix(suffix), tmp_path / f"x{suffix}")
    check_ir(tmp_path / "x.xml")
    (tmp_path / part).unlink()
    os.mkfifo(tmp_path / part)
    with pytest.raises(UserError, match=r"no such file|its weights are missing"):
        check_ir(tmp_path / "x.xml")


@pytest.mark.parametrize("kind", ["f32", "f16"])
def test_weights_that_are_not_finite_are_named(kind: str, exported: dict[str, Path], tmp_path: Path) -> None:
    model = core().read_model(exported["fp32"])
    first = convolutions(model)[0]
    replace_weight(first, lambda weight: np.where(np.arange(weight.size).reshape(weight.shape) == 7, np.nan, weight))
    first.input_value(1).get_node().set_friendly_name("the weight")
    save_ir(model, tmp_path / "x.xml", fp16=kind == "f16")
    with pytest.raises(UserError, match=r"its tensor 'the weight.*' has values that are not finite"):
        read_model(tmp_path / "x.xml")
