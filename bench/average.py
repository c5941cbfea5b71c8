"""What the average of the weights gains while `tiny` trains: AP of the average and of the weights at each validation.

    python bench/average.py DATASET [--fold 0]

Trains on all folds of bench/recipe.py but one, from random weights, and validates on that one.
"""

import tempfile
from pathlib import Path
from typing import Any

import click
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from recipe import folds, split

from facedet.configs import FOLDER
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.train import finetune


@HOOKS.register_module()
class Both(Hook):
    """Validates the weights of the last step too, after each validation of their average."""

    def before_train(self, runner: Any) -> None:
        self.trained = runner.model

    @torch.no_grad()
    def after_val_epoch(self, runner: Any, metrics: dict | None = None) -> None:
        evaluator, loader = runner.val_loop.evaluator, runner.val_dataloader
        self.trained.eval()
        for batch in loader:
            evaluator.process(self.trained.val_step(batch), batch)
        average, trained = (m["AP"] for m in (metrics or {}, evaluator.evaluate(len(loader.dataset))))
        click.echo(f"{runner.iter:5}  {average:7.3f}  {trained:18.3f}")


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--fold", default=0)
def main(dataset: Path, fold: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = folder / "both.py"
        config.write_text(f"_base_ = {str(FOLDER / 'tiny.py')!r}\ncustom_hooks = [dict(type='Both')]\n")
        train, val = split(dataset, folds(read_dataset(DatasetSource(dataset)), 5), fold, folder)
        click.echo(f"{'step':>5}  average  weights of the step")
        finetune(config, train, val, work_dir=folder / "run", weights="random")


if __name__ == "__main__":
    main()
