"""Importing this makes the detector's modules known to mmdet; mmcv's operators are seen to first."""

import warnings

from detector import ops

ops.install()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mmdet's imports: syntax and deprecations of its own
    import mmdet.models

from detector import head, neck

__all__ = ["head", "mmdet", "neck"]
