"""The network. Importing this package makes mmcv's operators available, which mmdet needs; it imports nothing heavy."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType


class _Substitutes(MetaPathFinder):
    """Finds ops.py where mmcv's compiled operators would be."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "mmcv._ext":
            return None
        return spec_from_file_location(fullname, Path(__file__).with_name("ops.py"))


sys.meta_path.append(_Substitutes())  # last, so that installed compiled operators are found first
