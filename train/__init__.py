"""How the network learns."""

import detector  # noqa: F401  (before mmdet)
from train.training import finetune

__all__ = ["finetune"]
