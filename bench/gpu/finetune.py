"""A complete fine-tune of the full model on one GPU: training, AP of every validation, export, parity.

    python bench/gpu/finetune.py DATASET --train-list FILE --val-list FILE --weights CHECKPOINT [-o finetune]

Writes finetune.json and training-curve.png into the folder `-o`: after training, and again with the parity. Parity is
checked on up to 20 of the images to validate on; on a machine without OpenVINO, of the ONNX file only. Install the
project there first: `pip install --no-deps -e .`
"""

import csv
import json
import platform
import shutil
import tempfile
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import click
import torch

from facedet.common.files import check_writable, write_json
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.export.export import export_model
from facedet.parity.check import check_parity
from facedet.train import finetune
from facedet.train.record.summary import Summary

_PARITY_IMAGES = 20
FILE = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("dataset", type=FILE)
@click.option("--train-list", type=FILE, required=True)
@click.option("--val-list", type=FILE, required=True)
@click.option("--config", default="finetune")
@click.option("--weights")
@click.option("--epochs", type=int, help="Fewer than the config's, for a machine that is lent for minutes.")
@click.option("--batch-size", type=int)
@click.option("--device", default="auto")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("finetune"))
def main(dataset: Path, train_list: Path, val_list: Path, config: str, output: Path, **options: Any) -> None:
    check_writable(output)
    train, val = DatasetSource(dataset, names=train_list), DatasetSource(dataset, names=val_list)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        result = facts(finetune(config, train, val, work_dir=run, **options), run)
        write_json(result, output / "finetune.json")
        shutil.copy(run / "training-curve.png", output / "training-curve.png")
        formats = ["onnx", "fp32"] if find_spec("openvino") else ["onnx"]
        files = export_model(run / "best.pth", Path(scratch) / "model", formats)
        parity = check_parity([run / "best.pth", *files.values()], linked(val, Path(scratch) / "images"))
    result["parity"] = parity.as_dict()["pairs"]
    write_json(result, output / "finetune.json")
    click.echo(json.dumps(result, indent=2))


def facts(summary: Summary, run: Path) -> dict[str, Any]:
    with (run / "validations.csv").open(encoding="utf-8") as file:
        validations = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    return {
        "machine": torch.cuda.get_device_name() if summary.device.startswith("cuda") else platform.machine(),
        "torch": torch.__version__,
        "config": summary.config,
        "started_from": summary.started_from,
        "precision": summary.precision,
        "images_per_step": summary.images_per_step,
        "iterations": summary.iterations,
        "seconds": summary.seconds,
        "images_per_second": summary.images_per_second,
        "peak_memory_mb": summary.peak_memory_mb,
        "best": summary.best,
        "validations": validations,
    }


def linked(source: DatasetSource, folder: Path) -> Path:
    """A folder with links to images of a dataset."""
    folder.mkdir()
    for k, photo in enumerate(islice(read_dataset(source).photos, _PARITY_IMAGES)):
        (folder / f"{k}-{photo.path.name}").symlink_to(photo.path.resolve())
    return folder


if __name__ == "__main__":
    main()
