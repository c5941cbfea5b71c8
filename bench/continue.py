"""What `train --recipe continue` does to a model with a few new photographs, and what a config from scratch does.

    .venv/bin/python bench/continue.py ../shared/faces [--new 15] [--epochs 40] [--seeds 3] [--work-dir DIR]

DATASET has train.txt and val.txt. A start is trained with `tiny` on all photographs of train.txt but the last `new`
ones; then it is continued on those only: with the recipe, and with `tiny --weights`, whose schedule is for a whole
dataset, for as many epochs. Writes bench/results/continue.txt: AP on val.txt and on the new photographs, of the start
and of the last epoch; best.pth is chosen on val.txt, so its AP says nothing here. A start in the work dir is kept.
"""

import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click
import numpy as np

from facedet.common.machine import describe_machine
from facedet.data.dataset import DatasetSource
from facedet.evaluation.evaluate import evaluate
from facedet.train import finetune

RESULT = Path(__file__).parent / "results" / "continue.txt"
CONTINUED: dict[str, dict] = {  # arguments of finetune
    "--recipe continue": {"config": None, "recipe": "continue"},
    "tiny --epochs 10": {"config": "tiny", "epochs": 10},
}


def sources(dataset: Path, new: int, folder: Path) -> dict[str, DatasetSource]:
    """The photographs of the start, the new ones, and those to validate on."""
    names = (dataset / "train.txt").read_text().split()
    for part, chosen in (("start", names[:-new]), ("new", names[-new:])):
        (folder / f"{part}.txt").write_text("\n".join(chosen))
    lists = {"start": folder / "start.txt", "new": folder / "new.txt", "val": dataset / "val.txt"}
    return {name: DatasetSource(dataset, names=path) for name, path in lists.items()}


def accuracy(checkpoint: Path, parts: dict[str, DatasetSource]) -> list[float]:
    """AP and AP50 on the validation images, AP on the new ones."""
    val, new = (evaluate(checkpoint, parts[name], metrics=["coco"]).metrics["coco"] for name in ("val", "new"))
    return [val["AP"], val["AP50"], new["AP"]]


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--new", default=15)
@click.option("--epochs", default=40, help="Of the start.")
@click.option("--seeds", default=3)
@click.option("--work-dir", type=click.Path(path_type=Path), help="Folder to keep the runs in.")
def main(dataset: Path, new: int, epochs: int, seeds: int, work_dir: Path | None) -> None:
    with tempfile.TemporaryDirectory() if work_dir is None else nullcontext(work_dir) as given:
        folder = Path(given)
        folder.mkdir(parents=True, exist_ok=True)
        parts = sources(dataset, new, folder)
        start = folder / "start" / "best.pth"
        if not (folder / "start" / "summary.json").is_file():
            finetune("tiny", parts["start"], parts["val"], work_dir=folder / "start", epochs=epochs)
        rows = {f"start: tiny, {epochs} epochs": [accuracy(start, parts)]}
        for name, arguments in CONTINUED.items():
            rows[name] = []
            for seed in range(seeds):
                run = folder / f"{name.replace(' ', '-')}-{seed}"
                given_too = {"work_dir": run, "weights": start, "seed": seed, "overwrite": True}
                finetune(train=parts["new"], val=parts["val"], **arguments, **given_too)
                rows[name].append(accuracy(run / "last.pth", parts))
        text = table(rows, f"python bench/continue.py --new {new} --epochs {epochs} --seeds {seeds}")
    RESULT.write_text(text, encoding="utf-8")
    print(text, end="", file=sys.stdout)


def table(rows: dict[str, list[list[float]]], command: str) -> str:
    head = f"{command} ({describe_machine()})\n\nlast epoch, all seeds: mean, lowest and highest\n\n"
    lines = [f"{'':24} {'AP, val':>22} {'AP50, val':>22} {'AP, new photographs':>22}"]
    for name, runs in rows.items():
        cells = []
        for values in zip(*runs, strict=True):
            spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        lines.append(f"{name:24} " + " ".join(f"{cell:>22}" for cell in cells))
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
