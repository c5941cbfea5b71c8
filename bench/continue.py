"""What `train --recipe continue` does to a model with a few new photographs, compared with the config's own schedule.

    .venv/bin/python bench/continue.py ../shared/faces [--new 15] [--size 320] [--epochs 40] [--start FILE] [--seeds 3]

DATASET has train.txt and val.txt. A start is trained with `tiny` on all photographs of train.txt but the last `new`
ones, or given; then it is continued on those only: with the recipe, and with `tiny --weights` for as many epochs.
Writes bench/results/continue.txt: AP on val.txt and on the new photographs, of the start and of the last epoch;
best.pth is chosen on val.txt, so its AP there says nothing. Complete runs in --work-dir are kept.
"""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import numpy as np

from facedet.common.machine import describe_machine
from facedet.configs import FOLDER
from facedet.data.dataset import DatasetSource
from facedet.evaluation.evaluate import evaluate
from facedet.inference.info import describe
from facedet.train import finetune

RESULT = Path(__file__).parent / "results" / "continue.txt"
EPOCHS = 10  # of the recipe


def sources(dataset: Path, new: int, folder: Path) -> dict[str, DatasetSource]:
    """The photographs of the start, the new ones, and those to validate on."""
    names = (dataset / "train.txt").read_text().split()
    for part, chosen in (("start", names[:-new]), ("new", names[-new:])):
        (folder / f"{part}.txt").write_text("\n".join(chosen))
    lists = {"start": folder / "start.txt", "new": folder / "new.txt", "val": dataset / "val.txt"}
    return {name: DatasetSource(dataset, names=path) for name, path in lists.items()}


def tiny(size: int, folder: Path) -> Path:
    """`tiny` at another input size."""
    path = folder / "tiny.py"
    path.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\ninput_size = {size}\n")
    return path


def run_once(work_dir: Path, config: Path | None, train: DatasetSource, val: DatasetSource, **options: Any) -> Path:
    """Train, unless that is done. Returns the work dir."""
    if not (work_dir / "summary.json").is_file():
        finetune(config, train, val, work_dir=work_dir, overwrite=True, **options)
    return work_dir


def accuracy(checkpoint: Path, parts: dict[str, DatasetSource]) -> list[float]:
    """AP and AP50 on the validation images, AP on the new ones."""
    val, new = (evaluate(checkpoint, parts[name], metrics=["coco"]).metrics["coco"] for name in ("val", "new"))
    return [val["AP"], val["AP50"], new["AP"]]


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--new", default=15)
@click.option("--size", default=320, help="Of the input of the start, pixels.")
@click.option("--epochs", default=40, help="Of the start.")
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="A checkpoint of `tiny` that is there.")
@click.option("--seeds", default=3)
@click.option("--work-dir", type=click.Path(path_type=Path), help="Folder to keep the runs in.")
def main(
    dataset: Path, new: int, size: int, epochs: int, start: Path | None, seeds: int, work_dir: Path | None
) -> None:
    with tempfile.TemporaryDirectory() if work_dir is None else nullcontext(work_dir) as given:
        folder = Path(given)
        folder.mkdir(parents=True, exist_ok=True)
        parts = sources(dataset, new, folder)
        if start is None:
            begun = run_once(folder / "start", tiny(size, folder), parts["start"], parts["val"], epochs=epochs)
            start = begun / "best.pth"
        about = describe(start)
        config = tiny(about.input_size, folder)
        rows = {"start": [accuracy(start, parts)], "--recipe continue": [], f"tiny --epochs {EPOCHS}": []}
        for seed in range(seeds):
            options: dict[str, Any] = {"weights": start, "seed": seed}
            sets = parts["new"], parts["val"]
            recipe = run_once(folder / f"recipe-{seed}", None, *sets, recipe="continue", **options)
            plain = run_once(folder / f"config-{seed}", config, *sets, epochs=EPOCHS, **options)
            for name, run in zip(list(rows)[1:], (recipe, plain), strict=True):
                rows[name].append(accuracy(run / "last.pth", parts))
        facts = f"start: tiny at {about.input_size} pixels, epoch {about.origin.get('epoch')}"
        text = table(rows, f"python bench/continue.py: {new} new photographs, {facts}; {describe_machine()}")
    RESULT.write_text(text, encoding="utf-8")
    print(text, end="")


def table(rows: dict[str, list[list[float]]], head: str) -> str:
    """One line for each way: mean, lowest and highest over the seeds."""
    lines = [f"{'last epoch':20} seeds {'AP, val':>24} {'AP50, val':>24} {'AP, new photographs':>24}"]
    for name, runs in rows.items():
        cells = []
        for values in zip(*runs, strict=True):
            spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        lines.append(f"{name:20} {len(runs):5} " + " ".join(f"{cell:>24}" for cell in cells))
    return "\n".join([head, "", *lines]) + "\n"


if __name__ == "__main__":
    main()
