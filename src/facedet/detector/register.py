"""Importing this module registers the detector's modules with mmdet."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about mmdet's own code, while it is imported
    import mmdet.models

from facedet.detector import assigner, head, neck, preprocessor

__all__ = ["assigner", "head", "mmdet", "neck", "preprocessor"]
