"""Importing this makes dataset, metric and hooks known to mmdet, and mmengine read local checkpoints safely."""

import contextlib
import io
import warnings
from pathlib import Path

from mmengine.runner.checkpoint import CheckpointLoader

from detector import register

with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter("ignore")  # they tell of data sets and metrics that are not ours
    import mmdet.datasets
    import mmdet.engine
    import mmdet.evaluation
from train import dataset, hooks, metric
from weights.checkpoint import read_file

__all__ = ["dataset", "hooks", "metric", "mmdet", "register"]


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(filename: str, map_location: object = None) -> dict:
    """In place of mmengine's loader, which falls back to unsafe unpickling; tensors come on the CPU."""
    content = read_file(Path(filename))
    content.get("meta", {}).pop("config", None)  # mmengine would execute it
    return content
