"""Train the network. Its modules are imported when a name is first used: the command line needs only `train.files`."""

from typing import TYPE_CHECKING, Any

from facedet import detector  # noqa: F401  (before mmdet)

if TYPE_CHECKING:
    from facedet.train.api import finetune, try_run

__all__ = ["finetune", "try_run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'facedet.train' has no attribute '{name}'")
    from facedet.train import api

    return getattr(api, name)
