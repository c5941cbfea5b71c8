"""How much the average of the weights gains while `tiny` trains: AP of average and weights at each validation.

    python bench/average.py DATASET [--fold 0]

Trains on all folds of bench/recipe.py but one, from random weights, and validates on that one.
"""

import tempfile
from pathlib import Path

import click
import torch
from recipe import folds, split

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.detector.model import quiet
from facedet.train import finetune
from facedet.train.run import Run


@torch.no_grad()
def compare(run: Run) -> None:
    """Validate the weights of the last step too, after each validation of their average."""
    state, evaluator = run.state, run.evaluator
    if state.validated < state.epoch:
        return
    state.network.eval()
    with quiet():
        for batch in run.val_loader:
            evaluator.process(state.network.val_step(batch), batch)
        trained = evaluator.evaluate(len(run.val_loader.dataset))["AP"]  # type: ignore[arg-type]
    click.echo(f"{state.iteration:5}  {state.history.scores[-1]:7.3f}  {trained:18.3f}")


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--fold", default=0)
def main(dataset: Path, fold: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train, val = split(dataset, folds(read_dataset(DatasetSource(dataset)), 5), fold, folder)
        click.echo(f"{'step':>5}  average  weights of the step")
        finetune("tiny", train, val, work_dir=folder / "run", weights="random", on_epoch=compare)


if __name__ == "__main__":
    main()
