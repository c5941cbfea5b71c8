"""The CSV files of a training run."""

import csv
from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.train import finetune
from facedet.train.run import Run


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_continues_its_tables(drawn: Path, quick: Path, tmp_path: Path) -> None:
    run = {"train": drawn / "train.json", "val": drawn / "val.json", "work_dir": tmp_path / "run", "epochs": 3}

    def stop(run: Run) -> None:
        raise UserError("stopped")

    with pytest.raises(UserError, match="stopped"):
        finetune(quick, **run, on_epoch=stop)
    before = read(tmp_path / "run" / "scalars.csv")
    assert len(before) == 3
    finetune(quick, **run, resume=True)
    scalars, validations = (read(tmp_path / "run" / f"{name}.csv") for name in ("scalars", "validations"))
    assert scalars[:3] == before
    assert [row["iteration"] for row in scalars] == [str(k) for k in range(1, 10)]
    assert [row["epoch"] for row in scalars[::3]] == ["0.3333", "1.3333", "2.3333"]
    for row in scalars:
        parts = sum(float(row[name]) for name in ("loss_cls", "loss_bbox", "loss_centerness"))
        assert float(row["loss"]) == pytest.approx(parts, rel=1e-4)
        assert 0 < float(row["lr"]) <= 0.001
    assert [row["epoch"] for row in validations] == ["1", "2", "3"]
    assert all(0 <= float(row["AP"]) <= float(row["AP50"]) <= 1 for row in validations)
