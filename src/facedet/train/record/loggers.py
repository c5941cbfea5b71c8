"""Where a run's scalars are logged: TensorBoard always, Weights & Biases and MLflow on request."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from facedet.common.errors import UserError

LOGGERS = ("wandb", "mlflow")  # names of options, modules and packages


def check_loggers(names: Sequence[str]) -> None:
    """Raise UserError if a logger is unknown or not installed."""
    for name in names:
        if name not in LOGGERS:
            raise UserError(f"--logger {name}: give {' or '.join(LOGGERS)}")
        if find_spec(name) is None:
            raise UserError(f"--logger {name}: is not installed; run `pip install {name}`")


def backends(names: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """mmengine's visualization backends, which import a logger when they first write. folder: the work dir.

    The loggers' own environment variables choose the project, the server, offline mode and so on. MLflow without a
    server writes mlflow.db into the work dir.
    """
    project = {"project": os.environ.get("WANDB_PROJECT", "facedet"), "name": folder.name}
    server = os.environ.get("MLFLOW_TRACKING_URI")
    experiment = {
        "exp_name": os.environ.get("MLFLOW_EXPERIMENT_NAME", "facedet"),
        "run_name": folder.name,
        "tracking_uri": server or f"sqlite:///{folder.resolve()}/mlflow.db",
        "artifact_location": None if server else str(folder.resolve() / "mlflow"),
        "tracked_config_keys": ["input_size", "train_cfg", "optim_wrapper"],  # MLflow takes 100 values
    }
    known: dict[str, dict[str, Any]] = {
        "wandb": {"type": "WandbVisBackend", "init_kwargs": project},
        "mlflow": {"type": "MLflowVisBackend", **experiment},
    }
    return [{"type": "TensorboardVisBackend"}, *(known[name] for name in names)]
