"""The seal of an export: damage and weights of another model are noticed, and other programs may change the file."""

import random
import shutil
from pathlib import Path

import numpy as np
import onnx
import openvino as ov
import pytest
from helpers.graphs import add_to_initializer

from facedet.common.errors import UserError
from facedet.inference.session import open_session
from facedet.weights.ir.graph import core, read_model
from facedet.weights.onnx_file import read_onnx
from facedet.weights.seal import check_seal


@pytest.fixture
def copies(exported: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Copies of the ONNX file and the FP32 IR."""
    for path in (exported["onnx"], exported["fp32"], exported["fp32"].with_suffix(".bin")):
        shutil.copy(path, tmp_path)
    return {"onnx": tmp_path / exported["onnx"].name, "ir": tmp_path / exported["fp32"].name}


def flip(path: Path, where: int) -> None:
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["onnx", "ir"])
def test_a_flipped_bit_is_noticed(kind: str, copies: dict[str, Path]) -> None:
    size = copies[kind].stat().st_size
    for where in random.Random(1).sample(range(size - 400), 5):
        check_seal(copies[kind])
        flip(copies[kind], where)
        with pytest.raises(UserError, match="damaged, or edited, since it was written; copy it again, or export again"):
            check_seal(copies[kind])
        flip(copies[kind], where)


@pytest.mark.parametrize("kind", ["onnx", "ir"])
def test_damage_that_also_hits_the_seal_is_noticed(kind: str, copies: dict[str, Path]) -> None:
    content = copies[kind].read_bytes()
    digests = content.rindex(b" ", 0, content.rindex(b" ", 0, -5)) + 1  # the text before is read where it is whole
    for where in range(digests, len(content) - 1, 5):
        copies[kind].write_bytes(content[:where] + b"~" + content[where + 1 :])
        with pytest.raises(
            UserError, match=r"damaged, or edited, since it was written|is damaged, or was not written with it"
        ):
            check_seal(copies[kind])


def test_weights_of_another_model_are_noticed(copies: dict[str, Path]) -> None:
    weights = copies["ir"].with_suffix(".bin")
    flip(weights, weights.stat().st_size // 2)
    with pytest.raises(UserError, match=r"detector-fp32\.bin is damaged, or was not written with it; copy both again"):
        open_session(copies["ir"])


def test_a_program_may_change_an_onnx_file(copies: dict[str, Path]) -> None:
    model = onnx.load(copies["onnx"])
    assert model.doc_string == ""
    add_to_initializer(model, next(t.name for t in model.graph.initializer if t.data_type == 1), 0.0)
    model.graph.doc_string = "mine"
    onnx.save(model, copies["onnx"])
    assert b"facedet %d " % copies["onnx"].stat().st_size not in copies["onnx"].read_bytes()
    assert read_onnx(copies["onnx"]).graph.doc_string == "mine"


@pytest.mark.parametrize("text", ["facedet 2026", f"all weights of facedet 3.pth, {'0a' * 32} {'b1' * 32}"])
def test_a_text_that_resembles_a_seal_is_none(text: str, copies: dict[str, Path]) -> None:
    model = onnx.load(copies["onnx"])
    model.metadata_props.add(key="mine", value=text)
    onnx.save(model, copies["onnx"])
    read_onnx(copies["onnx"])
    model.doc_string = text
    onnx.save(model, copies["onnx"])
    read_onnx(copies["onnx"])
    content = copies["ir"].read_text()
    copies["ir"].write_text(f"{content[: content.rindex('<!-- facedet')]}<!-- of {text[:28]} -->\n")
    check_seal(copies["ir"])


def test_a_field_may_be_appended_to_an_onnx_file(copies: dict[str, Path]) -> None:
    extra = onnx.ModelProto()
    extra.metadata_props.add(key="mine", value="added")
    content = copies["onnx"].read_bytes() + extra.SerializeToString()
    copies["onnx"].write_bytes(content)
    assert read_onnx(copies["onnx"]).metadata_props[-1].value == "added"
    flip(copies["onnx"], len(content) // 2)
    with pytest.raises(UserError, match="damaged, or edited, since it was written"):
        check_seal(copies["onnx"])


def test_a_program_and_an_editor_may_change_an_ir(copies: dict[str, Path]) -> None:
    text = copies["ir"].read_text()
    copies["ir"].write_text(text.replace("<rt_info>", "<rt_info>\n<mine />", 1))
    model = read_model(copies["ir"])
    ov.save_model(model, copies["ir"].with_name("other.xml"), compress_to_fp16=True)
    assert "<!-- facedet" in text
    assert "<!-- facedet" not in copies["ir"].with_name("other.xml").read_text()
    read_model(copies["ir"].with_name("other.xml"))


def test_other_programs_read_sealed_files(copies: dict[str, Path]) -> None:
    onnx.checker.check_model(copies["onnx"], full_check=True)
    image = np.zeros((1, 3, 192, 192), np.float32)
    results = [core().compile_model(copies[kind], "CPU")(image)["boxes"] for kind in ("onnx", "ir")]
    assert results[0].shape == results[1].shape
