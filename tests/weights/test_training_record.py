"""What checkpoints and exports say about their training: kept through both, and read from damaged files."""

from dataclasses import asdict
from typing import Any

import pytest

from facedet.weights.origin import ORIGIN, Origin
from facedet.weights.training_record import Ancestor, TrainingRecord, UsedData, imported_facts, lineage_of, record_of

META: dict[str, Any] = {
    "epoch": 3,
    "max_epochs": 10,
    "effective_batch": 8,
    "seed": 1,
    "time": "20261129_181401",
    "AP": 0.5,
    "data": [{"images": 24, "faces": 51, "digest": "a" * 64}, {"images": 8, "faces": 14, "digest": "b" * 64}],
    "data_names": ["faces (train.txt)", "faces (val.txt)"],
    "data_licences": ["CC BY 4.0 (data.yaml)", ""],
    "version": "0.1.0",
    "recipe": "continue",
    "lineage": [{"weights": "all weights of best.pth", "sha256": "c" * 64}, {"weights": "random weights"}],
}


def test_a_checkpoint_says_what_it_holds() -> None:
    record = record_of(META, "tiny")
    assert record is not None
    assert record.train == UsedData("faces (train.txt)", 24, 51, "a" * 64, "CC BY 4.0 (data.yaml)")
    assert record.facts() == {
        "version": "0.1.0",
        "written": "2026-11-29 18:14:01",
        "recipe": "continue",
        "epoch": "3 of 10",
        "AP": "0.500 on the validation images",
        "trained on": "faces (train.txt), 24 images, 51 faces, fingerprint aaaaaaaaaaaa, licence CC BY 4.0 (data.yaml)",
        "validated on": "faces (val.txt), 8 images, 14 faces, fingerprint bbbbbbbbbbbb",
        "started from": f"all weights of best.pth (sha256 {'c' * 64})",
        "before that, 1": "random weights",
    }
    assert TrainingRecord.from_json(record.to_json()) == record


def test_a_checkpoint_of_an_earlier_version_says_less() -> None:
    old = {name: META[name] for name in ("epoch", "max_epochs", "time", "AP", "data")}
    record = record_of(old)
    assert record is not None
    assert list(record.facts()) == ["written", "epoch", "AP", "trained on", "validated on"]
    assert record.lineage == []
    assert record_of({}) is None


def test_an_import_says_what_it_was_and_whether_it_was_calibrated() -> None:
    files = {"m.xml": "1" * 64, "m.bin": "2" * 64}
    meta: dict[str, Any] = {ORIGIN: asdict(Origin("f32 IR", files, "tiny", calibrated_on=32, published="ir-fp32"))}
    assert lineage_of(meta) == [
        Ancestor("m.bin, f32 IR, published as ir-fp32, batch normalization calibrated on 32 images", "2" * 64)
    ]
    assert imported_facts(meta)["calibration"] == "batch normalization calibrated on 32 images"
    frozen = {ORIGIN: asdict(Origin("f32 IR", files, "tiny", frozen_norms=155))}
    assert imported_facts(frozen)["calibration"].startswith(
        "not calibrated: 155 batch normalization layers stay frozen"
    )
    record = record_of(meta)
    assert record is not None
    assert list(record.facts()) == ["imported from"]
    assert imported_facts(META) == {}


@pytest.mark.parametrize("odd", [None, "\x1b[31m", -1, 2.5, [], [1, 2], {}, {"files": 1}, True, float("nan")])
def test_odd_values_are_not_stated(odd: Any) -> None:
    for name in META:
        record = record_of({**META, name: odd})
        if record is None:
            continue
        assert all(value.isprintable() for value in record.facts().values())
        assert TrainingRecord.from_json(record.to_json()) == record
    assert lineage_of({**META, ORIGIN: odd}) is not None


@pytest.mark.parametrize("text", ["", "3", "[" * 100_000, "[]", '{"lineage": 3, "train": [], "epoch": "x"}'])
def test_text_that_is_no_record(text: str) -> None:
    try:
        assert TrainingRecord.from_json(text) == TrainingRecord()
    except ValueError:
        assert not text.startswith("{")
