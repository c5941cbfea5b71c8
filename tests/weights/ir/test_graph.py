"""Graphs of IR and ONNX files: read safely, folded without changing the original, with the facts of their export."""

import io
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from helpers.payload import Payload

from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import fold_constants, read_facts, read_model


def test_folding_constants_does_not_change_the_given_graph(exported: dict[str, Path]) -> None:
    model = read_model(exported["onnx"])
    before = [node.get_type_name() for node in model.get_ordered_ops()]
    folded = fold_constants(model, from_onnx=True)
    assert len(folded.get_ops()) < len(before)
    assert [node.get_type_name() for node in model.get_ordered_ops()] == before


def test_onnx_file_and_ir_have_the_same_facts(exported: dict[str, Path]) -> None:
    onnx, ir = (read_facts(exported[format], read_model(exported[format])) for format in ("onnx", "fp32"))
    assert onnx == ir
    assert ir.keys() == {
        "version", "config", "network", "checkpoint", "checkpoint_sha256", "date", "score_threshold",
        "iou_threshold", "max_boxes", "folded", "operating_point", "training_record",
    }  # fmt: skip


def test_other_files_have_no_facts(exported: dict[str, Path], tmp_path: Path) -> None:
    text = exported["fp32"].read_text()
    (tmp_path / "other.xml").write_text(re.sub("<facedet>.*</facedet>", "", text, flags=re.DOTALL))
    shutil.copy(exported["fp32"].with_suffix(".bin"), tmp_path / "other.bin")
    assert "<facedet>" in text
    assert read_facts(tmp_path / "other.xml", read_model(tmp_path / "other.xml")) == {}


@pytest.mark.full
def test_the_published_graph_has_no_facts(standin: Path) -> None:
    path = standin / "face-detection-0206.xml"
    assert read_facts(path, read_model(path)) == {}


def test_an_onnx_file_that_contains_a_torch_archive_does_not_run(unfolded: dict[str, Path], tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "plain.pt2")
    malicious = io.BytesIO(b"")
    with zipfile.ZipFile(tmp_path / "plain.pt2") as plain, zipfile.ZipFile(malicious, "w") as archive:
        for name in plain.namelist():
            content = plain.read(name)
            if name.endswith("_weights_config.json"):
                content = content.replace(b'"use_pickle": false', b'"use_pickle": true')
            elif "/weights/" in name:
                content = pickle.dumps(Payload(tmp_path / "ran"))
            archive.writestr(name, content)
    original = unfolded["onnx"].read_bytes()
    key, size = b"\xc2\x3e", len(malicious.getvalue())  # an unknown field of bytes
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    (tmp_path / "both.onnx").write_bytes(original + key + length + malicious.getvalue())
    import_weights(tmp_path / "both.onnx", tmp_path / "back.pth")
    assert not (tmp_path / "ran").exists()
