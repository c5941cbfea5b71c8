"""The cost of a training step of the full face_detection_0206 config: seconds per image and peak memory.

    python bench/full_training.py [--batch-size 4] [--device auto] [--amp auto] [--freeze 0]

Trains one epoch on eight drawn images from random weights (the config uses each image twice per epoch). Writes
bench/results/full_training_PRECISION.json, with `_freeze_N` in the name if --freeze is given.
"""

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import click
import torch

from facedet.data.synthetic import draw_dataset
from facedet.train import finetune


@click.command()
@click.option("--batch-size", type=int, default=4)
@click.option("--device", default="auto")
@click.option("--amp", default="auto")
@click.option("--freeze", type=int)
def main(batch_size: int, freeze: int | None, **options: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train, val = (draw_dataset(folder, n, seed=n, name=name) for name, n in (("train", 8), ("val", 2)))
        wanted: dict[str, Any] = {
            "weights": "random",
            "epochs": 1,
            "batch_size": batch_size,
            "freeze": freeze,
            **options,
        }
        summary = finetune("face_detection_0206", train, val, work_dir=folder / "run", **wanted)
    result = {
        "device": torch.cuda.get_device_name() if summary.device.startswith("cuda") else platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": summary.precision,
        "batch_size": batch_size,
        "frozen_stages": freeze,
        "seconds_per_image": round(1 / summary.images_per_second, 2),
        "peak_memory_mb": summary.peak_memory_mb,
    }
    name = f"full_training_{summary.precision}{f'_freeze_{freeze}' if freeze is not None else ''}.json"
    path = Path(__file__).parent / "results" / name
    path.write_text(json.dumps(result, indent=2) + "\n")
    click.echo(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
