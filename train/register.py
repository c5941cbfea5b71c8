"""Register dataset, metric and hooks in mmdet, and a safe loader of local checkpoints in mmengine, on import."""

import contextlib
import io
import warnings
from pathlib import Path

from mmengine.runner.checkpoint import CheckpointLoader

from facedet.core.detector import register

with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about datasets and metrics that are not used here
    import mmdet.datasets
    import mmdet.engine
    import mmdet.evaluation
from facedet.core.train import dataset, hooks, metric
from facedet.core.weights.checkpoint import read_torch_file

__all__ = ["dataset", "hooks", "metric", "mmdet", "register"]


@CheckpointLoader.register_scheme(prefixes="", force=True)
def load_from_local(filename: str, map_location: object = None) -> dict:
    """Load a checkpoint to the CPU. Replaces mmengine's loader, which falls back to unsafe unpickling."""
    content = read_torch_file(Path(filename))
    content.get("meta", {}).pop("config", None)  # mmengine would execute it
    return content
