"""Python reads this file at its start if PYTHONPATH names its folder. It hides what the extra `train` installs."""

import sys
from importlib.machinery import ModuleSpec
from typing import Any

HIDDEN = {"albumentations", "mmcv", "mmdet", "mmengine", "nncf", "onnxscript", "tensorboard", "torch", "torchvision"}


class Without:
    """A finder that does not find the hidden modules, in this process and in those that it starts."""

    def __init__(self, finder: Any):
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, name: str, *place: Any) -> ModuleSpec | None:
        return None if name.partition(".")[0] in HIDDEN else self._finder.find_spec(name, *place)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
