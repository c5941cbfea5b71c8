"""Torch files: read without executing anything in them and without surprises in size, written completely or not at all.

Weights that no network can use are refused here, for every command: sparse, quantized or without values, larger than
the file that holds them, not finite.
"""

import pickle
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import torch
from torch import Tensor

from facedet.common.errors import UserError, first_line
from facedet.common.files import write_beside
from facedet.weights.names import check_checkpoint

_LARGEST_PICKLE = 64 << 20  # bytes: names, settings and the history of a run, but no values of tensors
_LARGEST_VIEW = 256 << 20  # bytes of a tensor that repeats what the file holds of it
_PICKLE = "/data.pkl"  # ends the name of the part of a torch file that is not tensors


def read_torch_file(path: Path) -> dict[str, Any]:
    """Read a torch file of tensors and plain values. Nothing in it is executed. Raises UserError."""
    check_checkpoint(path)
    _check_sizes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats: what cannot be read is an error
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: refused: not a checkpoint of tensors and plain values only, or damaged") from error
    except Exception as error:  # a damaged file makes torch raise many types
        raise UserError(f"{path}: not a checkpoint, or damaged ({first_line(error)})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a checkpoint (it contains a {type(content).__name__})")
    budget = 2 * path.stat().st_size + _LARGEST_VIEW  # two names may share values
    for name, tensor in _tensors(content):
        budget -= tensor.numel() * tensor.element_size()
        if reason := "is larger than what the file holds of it" if budget < 0 else _unusable(tensor):
            raise UserError(f"{path}: its tensor {ascii(name)[:80]} {reason}; no network can use it")
    return content


def write_torch_file(content: dict[str, Any], path: Path, keep: Path | None = None) -> None:
    """Write under a temporary name and rename, so that `path` is never incomplete. Raises UserError.

    keep: the name under which the file that `path` replaces stays.
    """
    try:
        with write_beside(path, keep) as temporary:
            torch.save(content, temporary)
    except RuntimeError as error:  # what torch raises for a failed write, without its reason
        raise UserError(f"{path}: cannot be written; is the disk full? ({first_line(error)})") from error


def is_state_dict(state: Any) -> TypeGuard[dict[str, Tensor]]:
    """Whether it is a dict of tensors by name."""
    return isinstance(state, dict) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items())


def _check_sizes(path: Path) -> None:
    """Raise UserError if a file declares more than it holds. torch writes its parts uncompressed."""
    try:
        if not zipfile.is_zipfile(path):  # torch's format before 1.6
            return
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            declared = sum(part.file_size for part in parts)
            fits = declared <= path.stat().st_size and all(part.compress_type == zipfile.ZIP_STORED for part in parts)
            damaged = archive.testzip() if fits else None  # torch itself does not compare the check sums
    except Exception as error:  # zipfile raises many types, too
        raise UserError(f"{path}: not a checkpoint, or damaged ({first_line(error)})") from error
    if damaged is not None:
        raise UserError(f"{path}: damaged: the check sum of {ascii(damaged)[:80]} in it is wrong; copy it again")
    if not fits:
        raise UserError(f"{path}: refused: it declares {declared >> 20} MB of content, more than it holds")
    if any(part.filename.endswith(_PICKLE) and part.file_size > _LARGEST_PICKLE for part in parts):
        raise UserError(f"{path}: refused: it has more than {_LARGEST_PICKLE >> 20} MB beside its tensors")


def _tensors(content: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The weights in a file: by themselves, or in the parts in which training and other programs put them."""
    for state in (content, *(content.get(part) for part in ("state_dict", "trained"))):
        if is_state_dict(state):
            yield from state.items()


def _unusable(tensor: Tensor) -> str:
    """Why no network can use a tensor; empty if one can."""
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return "is sparse or quantized"
    if tensor.is_meta:
        return "has no values"
    if tensor.is_complex() or (tensor.is_floating_point() and tensor.element_size() < 2):
        return f"is of the type {tensor.dtype}"
    size = tensor.numel() * tensor.element_size()
    if size > max(tensor.untyped_storage().nbytes(), _LARGEST_VIEW):
        return "is larger than what the file holds of it"
    values = tensor.float() if tensor.dtype == torch.float64 else tensor  # as a network will hold them
    return "" if bool(torch.isfinite(values).all()) else "has values that are not finite"
