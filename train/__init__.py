"""Train the network."""

from facedet.core import detector  # noqa: F401  (before mmdet)
from facedet.core.train.training import finetune, try_run

__all__ = ["finetune", "try_run"]
