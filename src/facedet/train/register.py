"""Register dataset, metric and optimizer wrapper in mmdet and mmengine, on import."""

import contextlib
import io
import warnings

from facedet.detector import register

with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about datasets and metrics that are not used here
    import mmdet.datasets
    import mmdet.engine
    import mmdet.evaluation
from facedet.train import optimizer
from facedet.train.record import metric
from facedet.train.samples import dataset

__all__ = ["dataset", "metric", "mmdet", "optimizer", "register"]
