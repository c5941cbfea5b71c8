"""scalars.csv and validations.csv: what a training run recorded, for spreadsheets and scripts."""

import csv
from collections.abc import Iterable
from pathlib import Path

from facedet.common.files import write_beside
from facedet.train.history import History


def write_tables(history: History, folder: Path) -> None:
    """Write both files for the whole run, including the part before it was resumed.

    - scalars.csv: for each iteration its `epoch` (a fraction: epochs complete after it), `iteration`, `loss`, `lr`
      and the parts of the loss
    - validations.csv: for each validation its `epoch` and COCO AP values in 0..1; empty where there is nothing to
      measure
    """
    rows = zip(history.losses, *history.scalars.values(), strict=True)
    scalars = [(f"{epoch:.4f}", k, loss, *rest) for k, ((epoch, loss), *rest) in enumerate(rows, 1)]
    _write(folder / "scalars.csv", ["epoch", "iteration", "loss", *history.scalars], scalars)
    names = list(dict.fromkeys(name for _, metrics in history.metrics for name in metrics))
    validations = [(epoch, *(metrics.get(name, "") for name in names)) for epoch, metrics in history.metrics]
    _write(folder / "validations.csv", ["epoch", *names], validations)


def _write(path: Path, header: list[str], rows: Iterable[tuple]) -> None:
    with write_beside(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
