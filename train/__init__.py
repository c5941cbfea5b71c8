"""Train the network."""

from facedet.core import detector  # noqa: F401  (before mmdet)
from facedet.core.train.training import finetune

__all__ = ["finetune"]
