"""The card of a model: what it quotes, what it refuses, and that hubs and browsers read it as it is meant."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from huggingface_hub import ModelCard
from openvino import opset13 as op

from facedet.card.model_card import write_card
from facedet.common.errors import UserError
from facedet.common.files import sha256
from facedet.weights.graph_facts import SECTION
from facedet.weights.training_record import TRAINING, Ancestor, TrainingRecord, UsedData

ODD = "faces|<script>`*_\n# x"  # a name that is code in Markdown and in HTML
AS_MARKDOWN = r"faces\|\<script\>\`\*\_\\n\# x"
CHECKPOINT = "c" * 64
RECORD = TrainingRecord(
    version="0.1.0",
    date="2026-11-29 18:14:01",
    config="tiny",
    recipe="continue",
    epoch=3,
    epochs=10,
    images_per_step=4,
    seed=0,
    ap=0.625,
    train=UsedData(ODD, 15, 17, "d" * 64, "CC0 | <b> (data.yaml)"),
    val=UsedData("faces (val.txt)", 21, 23, "e" * 64),
    lineage=[Ancestor("all weights of best.pth", "a" * 64), Ancestor("torchvision:resnet18 in the backbone")],
)


@pytest.fixture
def ir(tmp_path: Path) -> Path:
    """An IR of one convolution, with the facts of an export."""
    return write_ir(tmp_path / "m.xml", {TRAINING: RECORD.to_json(), "checkpoint_sha256": CHECKPOINT, "config": "tiny"})


def write_ir(path: Path, facts: dict[str, str]) -> Path:
    image = op.parameter([1, 3, 64, 64], ov.Type.f32, name="input")
    kernel = op.constant(np.ones((8, 3, 3, 3), np.float32))
    model = ov.Model([op.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])], [image])
    for key, value in facts.items():
        model.set_rt_info(value, [SECTION, key])
    ov.save_model(model, path, compress_to_fp16=False)
    return path


@pytest.fixture
def report(ir: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes a JSON report about `ir`, or about files with other digests."""

    def write(content: dict[str, Any], digests: dict[str, str] | None = None) -> Path:
        own = {path.name: sha256(path) for path in (ir, ir.with_suffix(".bin"))}
        data = {"path": f"/data/{ODD}", "list": "val.txt", "role": "dataset", "licence": "CC BY 4.0 (a.json)"}
        about = {
            "models": [{"path": str(ir), "sha256": digests or own}],
            "datasets": [{**data, "fingerprint": {"images": 21, "faces": 1234, "digest": "f" * 64}}],
            "versions": {"numpy": "2.2.6"},
            "date": "2026-11-29T18:00:00+00:00",
            "command": "facedet evaluate 'm`x`.xml' faces",
        }
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps({"schema": 1, **content, "about": about}))
        return path

    return write


EVALUATION = {
    "coco": {"AP": 0.61, "AP50": 0.9, "AP small": None},
    "ap64": 0.8,
    "ap50_by_height": [{"from": 0, "below": 8, "faces": 0, "ap50": None}, {"from": 512, "below": None, "faces": 3}],
    "intervals": {"of": {"coco AP": {"low": 0.5, "high": 0.72, "faces": 23, "images": 21}}},
    "slices": {
        "slices": [
            {"by": "light", "name": "day", "faces": 30, "recall": 0.95, "interval": [0.9, 0.97], "ap50": 0.96},
            {"by": "light", "name": "night", "faces": 40, "recall": 0.55, "interval": [0.4, 0.7], "ap50": 0.6},
            {"by": "light", "name": "few", "faces": 2, "recall": None, "interval": None, "ap50": None},
        ]
    },
    "thresholds": {
        "own": "threshold 0.41: best F1",
        "rows": [
            {"threshold": 0.41, "precision": 0.991, "recall": 0.932, "false_alarms": 0.02, "optimistic": True}
            | {"intervals": {"precision": [0.978, 0.997], "recall": None}, "why": ["best F1"]}
        ],
    },
}
PARITY = {
    "pairs": [{"model": "m.xml", "reference": "/home/me/best.pth", "verdict": "differs", "reasons": ["scores differ"]}]
}
QUANTIZATION = {
    "reasons": ["AP falls by 0.02"],
    "max_drop": 0.005,
    "variants": [{"name": "int8", "bytes": 1.2e6, "images_per_second": 30.0, "figures": {"AP": 0.59}}],
}


def test_a_card_quotes_its_reports(ir: Path, report: Callable[..., Path], tmp_path: Path) -> None:
    contents = {"evaluation": EVALUATION, "parity": PARITY, "quantization": QUANTIZATION}
    write_card(ir, tmp_path / "CARD.md", {kind: report(content) for kind, content in contents.items()})
    text = (tmp_path / "CARD.md").read_text()
    for line in (
        "| coco AP | 61.0 % | 50.0 to 72.0 |",
        "| ap64 | 80.0 % |  |",
        "| 512 and more | 3 | none |",
        "| 0.41 | 99.1 % (97.8 to 99.7) | 93.2 % | 0.02 | best F1, chosen on these images: optimistic |",
        "| m.xml | best.pth | differs | scores differ |",
        "Refused: AP falls by 0.02.",
        f"| training | {AS_MARKDOWN} | 15 | 17 | {'d' * 64} | CC0 \\| \\<b\\> (data.yaml) |",
        f"Measured on {AS_MARKDOWN}, list val.txt: 21 images, 1,234 faces, fingerprint {'f' * 64}; "
        "licence: CC BY 4.0 (a.json).",
        "| int8 | 1.2 | 30.0 | AP 59.0 % |",
        "| all weights of best.pth | " + "a" * 64 + " | not stated by the file |",
        "| torchvision:resnet18 in the backbone |  | ImageNet; its licence is not stated by the file |",
        "| recipe | continue |",
        "| validation | faces (val.txt) | 21 | 23 | " + "e" * 64 + " | not stated by the file |",
        "facedet evaluate 'm`x`.xml' faces",
        "| evaluation | 2026-11-29T18:00:00+00:00 | numpy 2.2.6 |",
    ):
        assert f"\n{line}\n" in text, line
    assert text.index("light: night") < text.index("light: day")  # the worst slice first
    assert "light: few" not in text
    assert "/data/" not in text
    assert "/home/me" not in text


def test_a_hub_reads_the_header(ir: Path, report: Callable[..., Path], tmp_path: Path) -> None:
    write_card(ir, tmp_path / "CARD.md", {"evaluation": report(EVALUATION)})
    data = ModelCard.load(tmp_path / "CARD.md").data
    assert (data.pipeline_tag, data.tags, data.license) == ("object-detection", ["face-detection", "openvino"], None)
    first, second = data.eval_results
    assert (first.metric_type, first.metric_value, second.metric_type) == ("AP", 0.61, "AP50")
    assert first.dataset_name == ODD.replace("\n", "\\n")
    assert first.dataset_args == {"fingerprint": "f" * 64}


def test_names_are_no_code(ir: Path, report: Callable[..., Path], tmp_path: Path) -> None:
    for suffix in ("md", "html"):
        write_card(ir, tmp_path / f"CARD.{suffix}", {"evaluation": report(EVALUATION)})
    page = (tmp_path / "CARD.html").read_text()
    assert "<script>" not in page
    assert "on faces|&lt;script&gt;`*_\\n# x" in page
    body = (tmp_path / "CARD.md").read_text().split("\n---\n")[1]
    assert r"on faces\|\<script\>\`\*\_\\n\# x" in body
    (row,) = [line for line in body.splitlines() if line.startswith("| training |")]
    assert row.replace(r"\|", "").count("|") == 7  # six cells


def test_what_is_not_known_says_so(tmp_path: Path) -> None:
    write_card(write_ir(tmp_path / "other.xml", {}), tmp_path / "CARD.md")
    text = (tmp_path / "CARD.md").read_text()
    for heading in ("Where the weights come from", "Training"):
        assert f"\n## {heading}\n\nNot stated by the file.\n" in text
    for said in ("Not measured: no evaluation", "Not checked: no report", "threshold 0.3: nothing was measured"):
        assert said in text
    assert ModelCard.load(tmp_path / "CARD.md").data.eval_results is None


def test_a_report_of_another_model_is_refused(ir: Path, report: Callable[..., Path], tmp_path: Path) -> None:
    other = {"m.xml": sha256(ir), "m.bin": "0" * 64}  # the same graph with other weights
    with pytest.raises(UserError, match=r"is about other files \(m\.xml, m\.bin\), by their SHA-256, than .*m\.xml"):
        write_card(ir, tmp_path / "CARD.md", {"evaluation": report(EVALUATION, other)})
    old = tmp_path / "old.json"
    old.write_text(json.dumps(EVALUATION))
    with pytest.raises(UserError, match="does not state the SHA-256 of its model: an earlier version"):
        write_card(ir, tmp_path / "CARD.md", {"evaluation": old})
    assert not (tmp_path / "CARD.md").exists()


def test_a_training_may_be_that_of_the_checkpoint(ir: Path, report: Callable[..., Path], tmp_path: Path) -> None:
    trained = {"best_checkpoint": "best.pth", "device": "cpu", "warnings": ["only 6 images"]}
    write_card(ir, tmp_path / "CARD.md", {"training": report(trained, {"best.pth": CHECKPOINT})})
    assert "| warnings | only 6 images |" in (tmp_path / "CARD.md").read_text()
    with pytest.raises(UserError, match="is about other files"):
        write_card(ir, tmp_path / "CARD.md", {"training": report(trained, {"best.pth": "0" * 64})})
    with pytest.raises(UserError, match="is about other files"):
        write_card(ir, tmp_path / "CARD.md", {"evaluation": report(EVALUATION, {"best.pth": CHECKPOINT})})


@pytest.mark.parametrize("odd", [None, "text", -1, [], {}, [1], [[]], {"a": []}, float("nan"), {"of": 3, "rows": {}}])
def test_an_odd_report_ends_in_a_card_or_in_one_line(
    odd: Any, ir: Path, report: Callable[..., Path], tmp_path: Path
) -> None:
    for kind, content in (("evaluation", EVALUATION), ("parity", PARITY), ("quantization", QUANTIZATION)):
        path = report(dict.fromkeys(content, odd))
        write_card(ir, tmp_path / "CARD.md", {kind: path})
