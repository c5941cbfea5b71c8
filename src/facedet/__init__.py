"""The open, retrainable, verifiable face detector for OpenVINO, from Python.

    import facedet

    summary = facedet.finetune("tiny", "train.json", "val.json", work_dir="runs/mine")
    facedet.export_model(summary.best_checkpoint, "model")
    detector = facedet.open("model/detector-fp32.xml")
    found = detector("photo.jpg")  # found.boxes [n, 4] x1 y1 x2 y2 in pixels of the image, found.scores [n]

Heavy libraries are imported when a name is first used. Every error that a user can fix is a `facedet.UserError`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facedet.common.errors import UserError
    from facedet.data.dataset import DatasetSource
    from facedet.data.dataset import dataset_source as dataset
    from facedet.data.structures import Detections
    from facedet.evaluation.evaluate import evaluate
    from facedet.evaluation.gated_quantization import quantize_model as quantize
    from facedet.evaluation.metrics.operating import Target
    from facedet.export.export import export_model
    from facedet.inference.face_detector import FaceDetector
    from facedet.inference.face_detector import open_detector as open
    from facedet.parity.check import check_parity
    from facedet.train.api import finetune, try_run
    from facedet.weights.importing import import_weights

__all__ = [
    "DatasetSource",
    "Detections",
    "FaceDetector",
    "Target",
    "UserError",
    "check_parity",
    "dataset",
    "evaluate",
    "export_model",
    "finetune",
    "import_weights",
    "open",
    "quantize",
    "try_run",
]

_WHERE = {
    "DatasetSource": "data.dataset",
    "Detections": "data.structures",
    "FaceDetector": "inference.face_detector",
    "Target": "evaluation.metrics.operating",
    "UserError": "common.errors",
    "check_parity": "parity.check",
    "dataset": "data.dataset:dataset_source",
    "evaluate": "evaluation.evaluate",
    "export_model": "export.export",
    "finetune": "train.api",
    "import_weights": "weights.importing",
    "open": "inference.face_detector:open_detector",
    "quantize": "evaluation.gated_quantization:quantize_model",
    "try_run": "train.api",
}


_NEED_TRAIN = {"export_model", "finetune", "import_weights", "quantize", "try_run"}  # names that need the extra `train`


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'facedet' has no attribute '{name}'")
    if name in _NEED_TRAIN:
        import_module("facedet.common.extras").require_train(f"facedet.{name}")
    module, _, other_name = _WHERE[name].partition(":")
    return getattr(import_module(f"facedet.{module}"), other_name or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
