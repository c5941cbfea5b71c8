"""What a training run prints when it starts."""

import sys

from facedet.data.classes import describe_classes
from facedet.detector.config import config_name
from facedet.train.machine.distributed import is_first
from facedet.train.record.environment import DatasetFacts, dataset_facts
from facedet.train.run import Run


def print_start(run: Run, target: str) -> None:
    """Print what the run trains on, and warnings on stderr. target: the last line, which says where the results go."""
    if not is_first():
        return
    cfg, left_out = run.cfg, sum(len(dataset.faces.skipped) for dataset in run.datasets)
    train, val = (_describe(dataset_facts(dataset.faces, cfg.input_size)) for dataset in run.datasets)
    views, classes = len(run.datasets[0]), describe_classes(run.datasets[0].faces.photos)
    counted = f"\n{classes}" if classes else ""
    begins = "\nthe start is validated first, as epoch 0; best.pth keeps it if no epoch is better" * run.measures_start
    note = f" ({left_out} images or boxes left out, see the log)" if left_out else ""
    print(
        f"{config_name(cfg)} at {cfg.input_size}x{cfg.input_size} on {run.device} in {run.precision} from "
        f"{run.start}\ntraining on {train} ({views} views per epoch), validating on {val}{note}{counted}{begins}"
        f"\n{target}",
        flush=True,
    )
    for line in run.warnings:
        print(f"warning: {line}", file=sys.stderr, flush=True)


def _describe(facts: DatasetFacts) -> str:
    background = f", {facts.background} of them background," if facts.background else ""
    return f"{facts.images} images{background} with {facts.faces} faces"
