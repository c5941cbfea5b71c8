"""Importing this makes the detector's modules known to mmdet."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mmdet's imports: syntax and deprecations of its own
    import mmdet.models

from facedet.core.detector import assigner, head, neck

__all__ = ["assigner", "head", "mmdet", "neck"]
