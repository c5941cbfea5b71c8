"""A fine-tune of the full model on one GPU, whole: training, AP of every validation, export, parity.

    python bench/gpu/finetune.py DATASET --train-list FILE --val-list FILE --weights CHECKPOINT [-o finetune]

Writes finetune.json and training-curve.png into the folder `-o`. Parity is checked on the images to validate on. On a
machine without OpenVINO, only the ONNX file is exported and checked.
"""

import csv
import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click
import torch

from facedet.core.common.files import write_json
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.structures import Photo
from facedet.core.export.load import load_network
from facedet.core.export.to_onnx import write_onnx
from facedet.core.parity.check import check_parity
from facedet.core.train import finetune


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--train-list", type=click.Path(exists=True, path_type=Path))
@click.option("--val-list", type=click.Path(exists=True, path_type=Path))
@click.option("--config", default="finetune")
@click.option("--weights")
@click.option("--epochs", type=int, help="Fewer than the config's, for a machine that is lent for minutes.")
@click.option("--batch-size", type=int)
@click.option("--device", default="auto")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("finetune"))
def main(dataset: Path, train_list: Path | None, val_list: Path | None, output: Path, **options: Any) -> None:
    train, val = DatasetSource(dataset, names=train_list), DatasetSource(dataset, names=val_list)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        summary = finetune(options.pop("config"), train, val, work_dir=run, **options)
        with (run / "validations.csv").open(encoding="utf-8") as file:
            validations = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
        best = run / "best.pth"
        images = linked(read_dataset(val).photos, Path(scratch) / "images")
        parity = check_parity([best, *exports(best, Path(scratch) / "model")], images)
        output.mkdir(parents=True, exist_ok=True)
        shutil.copy(run / "training-curve.png", output / "training-curve.png")
    result = {
        "machine": torch.cuda.get_device_name() if summary.device.startswith("cuda") else platform.machine(),
        "torch": torch.__version__,
        "config": summary.config,
        "precision": summary.precision,
        "images_per_step": summary.images_per_step,
        "iterations": summary.iterations,
        "seconds": summary.seconds,
        "images_per_second": summary.images_per_second,
        "peak_memory_mb": summary.peak_memory_mb,
        "best": summary.best,
        "validations": validations,
        "parity": parity.as_dict()["pairs"],
    }
    write_json(result, output / "finetune.json")
    click.echo(json.dumps(result, indent=2))


def exports(checkpoint: Path, folder: Path) -> list[Path]:
    """ONNX, and IR where OpenVINO is installed."""
    try:
        from facedet.core.export.export import export
    except ModuleNotFoundError:
        write_onnx(*load_network(checkpoint), folder / "detector.onnx")
        return [folder / "detector.onnx"]
    return list(export(checkpoint, folder, ["onnx", "fp32"]).values())


def linked(photos: list[Photo], folder: Path) -> Path:
    """A folder with links to the images of a dataset."""
    folder.mkdir()
    for k, photo in enumerate(photos):
        (folder / f"{k}-{photo.path.name}").symlink_to(photo.path.resolve())
    return folder


if __name__ == "__main__":
    main()
