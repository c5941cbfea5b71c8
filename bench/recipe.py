"""How well recipes generalise from few photographs: 5-fold cross-validation, near-duplicates in the same fold.

    python bench/recipe.py DATASET [--recipe NAME ...] [--seeds 3] [--folds 5] [-o recipe.json]

DATASET: annotated photographs, for example ../shared/faces. Each run trains on four folds, from the initial weights of
its config, and measures its last checkpoint, not its best one, on the fifth: also by face height, and on groups, which
are canvases of nine of these photographs. Prints a table with mean and spread over the seeds, and keeps every run in
recipe.json, so that an interrupted benchmark continues.

Recipes of `small`: `small`, and changes of it with fewer steps, whose names say how they differ.
Recipes of `tiny`: `before` is an earlier one. A run of `tiny` is measured twice: as `no-average` with the weights of
its last step instead of their average. `short` is `tiny` with as few steps as `before`; each `short-...` is `short`
without one of its parts.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from facedet.common.files import write_json
from facedet.common.progress import silent
from facedet.configs import FOLDER
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.image import read_image
from facedet.data.inspect.images import inspect_images
from facedet.data.inspect.near import groups_of_near_duplicates
from facedet.data.structures import AnnotatedDataset, Photo

METRICS = ("AP", "AP50", "AP75", "AP50 32-64", "AP50 64-128", "groups AP50")
_TILES, _SIDE = 3, 400  # of a group: photographs in a row, pixels of each
_EPOCHS = {"605-steps": 55, "407-steps": 37}  # of a recipe whose name begins so; `small` has 82, 902 steps
_EPOCHS_ONLY = {"min_steps": 0}  # the 40 epochs that `before` has, a third of the steps


def _augment(**changes: Any) -> dict[str, Any]:
    return {"train_dataloader": {"dataset": {"augment": changes}}}


def _small(
    rate: float, zoom_out: float, scales: tuple[float, ...] = (0.5, 0.6, 0.75), backbone: float = 1.0
) -> dict[str, Any]:
    """rate: of learning; that of the backbone is this times `backbone`. scales: of the views."""
    return {
        "train_dataloader": {"dataset": {"augment": {"zoom_out_p": zoom_out}}, "sampler": {"scales": scales}},
        "optim_wrapper": {
            "optimizer": {"lr": rate},
            "paramwise_cfg": {"custom_keys": {"backbone": {"lr_mult": backbone}}} if backbone < 1 else {},
        },
    }


_SMALLER = (0.4, 0.45, 0.5, 0.6)
SMALL: dict[str, dict[str, Any]] = {  # changes to configs/small.py
    "small": {},
    "605-steps": {},
    "407-steps": {},
    "407-steps, smaller views, lr 0.001, zoom-out 0.4": _small(0.001, 0.4, _SMALLER),
    "407-steps, smaller views, lr 0.001, zoom-out 0": _small(0.001, 0.0, _SMALLER),
    "407-steps, smaller views, zoom-out 0": _small(0.002, 0.0, _SMALLER),
    "407-steps, lr 0.001, zoom-out 0": _small(0.001, 0.0),
    "407-steps, smaller views, lr 0.001, zoom-out 0.4, backbone 0.3": _small(0.001, 0.4, _SMALLER, 0.3),
}
RECIPES: dict[str, dict[str, Any]] = {  # changes to configs/tiny.py
    "before": {
        "train_dataloader": {
            "dataset": {
                "augment": {
                    "_delete_": True,
                    "brightness": 32,
                    "contrast": (0.5, 1.5),
                    "saturation": (0.5, 1.5),
                    "hue": 18,
                    "swap_channels": 0.5,
                    "crop_min_iou": (0.1, 0.3, 0.5, 0.7, 0.9),
                    "crop_smallest": 0.1,
                    "flip": 0.5,
                },
                "mosaic": None,
            },
            "sampler": {"scales": ()},
        },
        "optim_wrapper": {"paramwise_cfg": None},
        "train_cfg": {"min_steps": 0, "average": None},
    },
    "tiny": {},
    "no-mosaic": {"train_dataloader": {"dataset": {"mosaic": None}}},
    "full-size": {"train_dataloader": {"sampler": {"scales": ()}}},
    "short": {"train_cfg": _EPOCHS_ONLY},
    "short-no-zoom-out": {"train_cfg": _EPOCHS_ONLY, **_augment(zoom_out_p=0.0)},
    "short-no-noise": {"train_cfg": _EPOCHS_ONLY, **_augment(grey=0.0, blur=0.0, noise=0.0, jpeg=0.0)},
    "short-cut-faces": {"train_cfg": _EPOCHS_ONLY, **_augment(keep_cut=False)},
    "short-all-decay": {"train_cfg": _EPOCHS_ONLY, "optim_wrapper": {"paramwise_cfg": None}},
}
NO_AVERAGE = "no-average"


def folds(dataset: AnnotatedDataset, count: int) -> list[list[str]]:
    """Names of the photographs of each fold. Whole groups of near-duplicates go to the smallest fold, largest first."""
    paths = [photo.path for photo in dataset.photos]
    prints = [image.fingerprint for image in inspect_images(paths, silent, "")]
    parts: list[list[str]] = [[] for _ in range(count)]
    groups = groups_of_near_duplicates(prints)
    grouped = {k for group in groups for k in group}
    groups += [[k] for k in range(len(paths)) if k not in grouped]
    order = np.random.default_rng(0).permutation(len(groups))
    for group in sorted((groups[k] for k in order), key=len, reverse=True):
        min(parts, key=len).extend(paths[k].name for k in group)
    return parts


def split(dataset: Path, parts: list[list[str]], fold: int, folder: Path) -> tuple[DatasetSource, DatasetSource]:
    """All folds but one to train on, and that one to validate on. folder: for the lists of names."""
    lists = folder / "train.txt", folder / "val.txt"
    lists[0].write_text("\n".join(name for k, part in enumerate(parts) if k != fold for name in part))
    lists[1].write_text("\n".join(parts[fold]))
    return DatasetSource(dataset, names=lists[0]), DatasetSource(dataset, names=lists[1])


def run_one(dataset: Path, recipe: str, seed: int, fold: int, parts: list[list[str]]) -> list[dict[str, Any]]:
    """Train on all folds but one and measure the last checkpoint on that one."""
    from facedet.train import finetune
    from facedet.weights.torch_file import read_torch_file, write_torch_file

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        base = "small" if recipe in SMALL else "tiny"
        changes = "".join(f"{key} = {value!r}\n" for key, value in {**RECIPES, **SMALL}[recipe].items())
        config = folder / f"{base}.py"
        config.write_text(f"_base_ = {str(FOLDER / f'{base}.py')!r}\n{changes}")
        sources = split(dataset, parts, fold, folder)
        epochs = _EPOCHS.get(recipe.split(",")[0])
        summary = finetune(config, *sources, work_dir=folder / "run", seed=seed, epochs=epochs)
        last = folder / "run" / "last.pth"
        content, checkpoints = read_torch_file(last), {recipe: last}
        if recipe == "tiny":
            checkpoints[NO_AVERAGE] = last.with_name("no-average.pth")
            write_torch_file({**content, "state_dict": content["trained"]}, checkpoints[NO_AVERAGE])
        facts = {"seed": seed, "fold": fold, "steps": content["meta"]["iter"], "seconds": summary.seconds}
        return [{"recipe": name, **facts, **_accuracy(path, sources[1])} for name, path in checkpoints.items()]


def _accuracy(checkpoint: Path, source: DatasetSource) -> dict[str, float]:
    from facedet.evaluation.evaluate import evaluate

    result = evaluate(checkpoint, source, metrics=["coco"])
    figures = {name: result.metrics["coco"][name] for name in METRICS[:3]}
    figures |= {f"AP50 {h.lowest:g}-{h.highest:g}": h.ap for h in result.heights}
    with tempfile.TemporaryDirectory() as scratch:
        groups = evaluate(checkpoint, draw_groups(result.photos, Path(scratch)), metrics=["coco"])
    return {name: figures.get(name) for name in METRICS[:-1]} | {METRICS[-1]: groups.metrics["coco"]["AP50"]}


def draw_groups(photos: list[Photo], folder: Path) -> Path:
    """A dataset of canvases with nine photographs each; every photograph is on three of them."""
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(len(photos)) for _ in range(3)])
    groups = []
    for number, chosen in enumerate(order[: len(order) // _TILES**2 * _TILES**2].reshape(-1, _TILES, _TILES)):
        canvas, boxes = np.zeros((_TILES * _SIDE, _TILES * _SIDE, 3), np.uint8), []
        for (row, column), index in np.ndenumerate(chosen):
            photo, corner = photos[index], (column * _SIDE, row * _SIDE)
            factor = _SIDE / max(photo.width, photo.height)
            tile = cv2.resize(read_image(photo.path), None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            canvas[corner[1] : corner[1] + tile.shape[0], corner[0] : corner[0] + tile.shape[1]] = tile
            for box, ignored in zip(photo.boxes, photo.ignored, strict=True):
                boxes.append([*(box[:2] * factor + corner), *((box[2:] - box[:2]) * factor), ignored])
        cv2.imwrite(str(folder / f"{number}.png"), canvas)
        groups.append([[float(v) for v in box] for box in boxes])
    side = _TILES * _SIDE
    coco = {
        "images": [{"id": k, "file_name": f"{k}.png", "width": side, "height": side} for k in range(len(groups))],
        "annotations": [
            {
                "id": k,
                "image_id": image,
                "category_id": 1,
                "bbox": box[:4],
                "iscrowd": int(box[4]),
                "area": box[2] * box[3],
            }
            for k, (image, box) in enumerate((i, b) for i, boxes in enumerate(groups) for b in boxes)
        ],
        "categories": [{"id": 1, "name": "face"}],
    }
    write_json(coco, folder / "groups.json")
    return folder / "groups.json"


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--recipe", "recipes", multiple=True, type=click.Choice([*SMALL, *RECIPES]), default=[*SMALL, *RECIPES])
@click.option("--seeds", default=3)
@click.option("--folds", "count", default=5)
@click.option("--fold", "chosen", type=int, multiple=True, help="Measure on this fold only.  [default: all]")
@click.option("--jobs", default=2, help="Runs side by side, each with its share of the cores.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("recipe.json"))
@click.option("--only", nargs=2, type=int, hidden=True)
def main(
    dataset: Path, recipes: list[str], seeds: int, count: int, chosen: list[int], jobs: int, output: Path, only: Any
) -> None:
    if only:
        parts = folds(read_dataset(DatasetSource(dataset)), count)
        click.echo(json.dumps(run_one(dataset, recipes[0], only[0], only[1], parts)))
        return
    results = json.loads(output.read_text()) if output.is_file() else []
    done = {(r["recipe"], r["seed"], r["fold"]) for r in results}
    wanted = [(name, seed, fold) for seed in range(seeds) for name in recipes for fold in chosen or range(count)]
    with ThreadPoolExecutor(jobs) as pool:
        runs = [run for run in wanted if run not in done]
        for of_run in pool.map(lambda run: _run(dataset, count, jobs, *run), runs):
            results += of_run
            write_json(results, output)
            print(table(results), flush=True)


def _run(dataset: Path, count: int, jobs: int, recipe: str, seed: int, fold: int) -> list[dict[str, Any]]:
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    command = [sys.executable, __file__, str(dataset), "--recipe", recipe, "--folds", str(count)]
    done = subprocess.run(
        [*command, "--only", str(seed), str(fold)],
        env={**os.environ, "OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def table(results: list[dict[str, Any]]) -> str:
    """One line for each recipe: mean over folds and seeds, spread (standard deviation) over the seeds' means."""
    lines = [f"{'recipe':62} runs  " + "  ".join(f"{name:>13}" for name in (*METRICS, "minutes"))]
    for recipe in dict.fromkeys(r["recipe"] for r in results):
        runs = [r for r in results if r["recipe"] == recipe]
        cells = []
        for name in METRICS:
            measured = [r for r in runs if r.get(name) is not None]  # a fold may have no face of a height
            if not measured:
                cells.append("-")
                continue
            seeds = {r["seed"] for r in measured}
            by_seed = [np.mean([r[name] for r in measured if r["seed"] == seed]) for seed in seeds]
            spread = f"±{np.std(by_seed, ddof=1):.3f}" if len(by_seed) > 1 else ""
            cells.append(f"{np.mean([r[name] for r in measured]):.3f}{spread:>7}")
        minutes = np.mean([r["seconds"] for r in runs]) / 60
        lines.append(f"{recipe:62} {len(runs):4}  " + "  ".join(f"{cell:>13}" for cell in cells) + f"  {minutes:13.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
