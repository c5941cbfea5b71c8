"""The log of a training run: a text file; scalars for TensorBoard, and on request for Weights & Biases and MLflow."""

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.registry import VISBACKENDS

from facedet.train.machine.distributed import is_first
from facedet.train.record.environment import environment
from facedet.train.run import Run


class RunLog:
    """Writes YYYYMMDD_HHMMSS/ in the work dir: the log, and TensorBoard's scalars. Only the first process writes.

    path: of the log, or None in the other processes.
    """

    def __init__(self, run: Run, folder: Path, loggers: Sequence[str]):
        self.path, self._backends = None, []
        self._logger = logging.Logger("facedet.train")  # its own logger: the caller's logging does not change
        if not is_first():
            return
        own = folder / time.strftime("%Y%m%d_%H%M%S")
        own.mkdir(parents=True, exist_ok=True)
        self.path = own / f"{own.name}.log"
        handler = _LogFile(self.path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._logger.addHandler(handler)
        self._backends = [
            VISBACKENDS.build({"save_dir": str(own / "vis_data"), **settings}) for settings in backends(loggers, folder)
        ]
        run.cfg.work_dir = str(folder)  # MLflow uploads the log from there
        for backend in self._backends:
            backend.add_config(run.cfg)
        self.line("\n".join(f"{name}: {value}" for name, value in environment(run.device).items()))
        self.line(f"started from {run.start}; the config:\n{run.config_text}")

    def line(self, text: str, level: int = logging.INFO) -> None:
        """Write a line, with the time, to the text file."""
        self._logger.log(level, text)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write scalars for TensorBoard and the other loggers."""
        for backend in self._backends:
            backend.add_scalars(dict(values), step)

    def failure(self, error: BaseException) -> None:
        """Write an error with its traceback."""
        self._logger.error("the run failed", exc_info=error)

    def close(self) -> None:
        for backend in self._backends:
            backend.close()
        for handler in self._logger.handlers:
            with suppress(OSError):  # what could not be written before
                handler.close()


class _LogFile(logging.FileHandler):
    """A log that says in one line if it cannot be written, for example when the disk is full. Training goes on."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._failed:
            print(
                f"warning: {self.baseFilename}: cannot be written ({error.strerror}); it is incomplete", file=sys.stderr
            )
            self._failed = True


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
        "tracked_config_keys": ["input_size", "train_cfg", "optim_wrapper"],  # MLflow accepts at most 100 values
    }
    known: dict[str, dict[str, Any]] = {
        "wandb": {"type": "WandbVisBackend", "init_kwargs": project},
        "mlflow": {"type": "MLflowVisBackend", **experiment},
    }
    return [{"type": "TensorboardVisBackend"}, *(known[name] for name in names)]
