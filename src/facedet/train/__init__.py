"""Train the network."""

from facedet import detector  # noqa: F401  (before mmdet)
from facedet.train.api import finetune, try_run

__all__ = ["finetune", "try_run"]
