"""Fine-tune a detector on annotated images. Imports torch only once the options are known to be possible."""

from typing import TYPE_CHECKING

from facedet.train.options import TrainingOptions, takes_fields_of
from facedet.train.preflight import preflight

if TYPE_CHECKING:
    from facedet.train.dry_run import DryRun
    from facedet.train.record.summary import Summary


@takes_fields_of(TrainingOptions)
def finetune(options: TrainingOptions) -> "Summary":
    """Train by a config on a dataset and validate on another one. Raises UserError.

    The arguments are the fields of `train.options.TrainingOptions`, each with its own description.

    Files in the work dir:

    - best.pth: the weights of the epoch with the highest validation AP, and `meta`; no optimizer. Export this one.
    - last.pth: everything needed to resume; previous.pth: the one before
    - summary.json: the returned `Summary`
    - training.html: settings, results, datasets and pictures; training-curve.png: loss and validation AP
    - scalars.csv, validations.csv: see `record.csv_tables.write_tables`
    - batches.png: the first views; best.png, worst.png: see `record.pictures.Pictures`
    - YYYYMMDD_HHMMSS/: the log, and TensorBoard scalars

    The keys in the checkpoints are listed at `checkpoints.Checkpoints`. Raises Stopped, a UserError, after a SIGINT or
    SIGTERM, when last.pth is written. The caller's process is set up for the run and put back: see `machine.process`.
    """
    preflight(options)
    from facedet.train.training import run_training

    return run_training(options)


@takes_fields_of(TrainingOptions)
def try_run(options: TrainingOptions) -> "DryRun":
    """Run the first steps of the run that `finetune` does with these arguments. Writes nothing. Raises UserError."""
    preflight(options)
    from facedet.train.training import run_first_steps

    return run_first_steps(options)
