"""What `pip install .` leaves out and `.[train]` adds: the packages for training, export and checkpoints."""

from importlib.util import find_spec

from facedet.common.errors import UserError

_OF_TRAIN = {  # name in messages by module; the extra's other packages come with these
    "torch": "PyTorch",
    "mmdet": "mmdet",
    "albumentations": "albumentations",
    "onnxscript": "onnxscript",
    "nncf": "NNCF",
}


def require_train(what: str) -> None:
    """Raise UserError if a library of the extra `train` is not installed. what: the command or file that needs it.

    Checks only whether they are installed. An installed library that does not work raises its own error when used.
    """
    missing = [title for module, title in _OF_TRAIN.items() if find_spec(module) is None]
    if missing:
        raise UserError(
            f"{what}: needs {', '.join(missing)}; install them from the checkout: "
            "pip install -c constraints.txt '.[train]'"
        )
