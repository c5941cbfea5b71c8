"""A detector's weights out of an OpenVINO graph: what conversion fused is taken apart again."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from facedet.core.common.errors import UserError
from facedet.core.detector.model import Detector
from facedet.core.weights.ir.graph import Subgraph
from facedet.core.weights.ir.graph_operations import Constants, graph_operations
from facedet.core.weights.ir.network_operations import ParameterNames, network_operations
from facedet.core.weights.ir.operations import Mismatch, match_operations

_COPY_ERROR = {"f32": 1e-5, "f16": 2e-3}  # of a level's weights, relative to the largest: what rounding can leave
_SAME_MEAN, _ROUNDED_MEAN = 1e-3, 0.2  # of 255; the latter is what half precision leaves of a mean


@dataclass(frozen=True)
class Recovered:
    """state: under the detector's names. copies: `atss_reg` (weight, bias) of each level, its scale multiplied in.

    mean: what the graph takes off the image, in the order of the config. statistics: whether every batch norm still had
    its own; a folded one is an identity that adds the folded bias.
    """

    state: dict[str, torch.Tensor]
    copies: list[tuple[torch.Tensor, torch.Tensor]]
    mean: list[float]
    statistics: bool


def recover(detector: Detector, size: int, model: ov.Model, path: Path, precision: str) -> Recovered:
    """The weights that the graph of `path` holds for a detector of this shape.

    precision: `f32` or `f16`, what the graph's constants were stored in. Raises UserError with what does not fit.
    """
    try:
        graph = graph_operations(model)
        pairs = match_operations(network_operations(detector, size), graph.operations)
        if graph.convolutions > sum(operation.kind == "conv" for operation in graph.operations):
            raise Mismatch("it holds convolutions besides the network's")
        found: list[tuple[ParameterNames, Constants]] = [(a.content, b.content) for a, b in pairs if a.content]
        state = _plain([(names, tensors) for names, tensors in found if not names.scale], detector)
        levels = [(names, tensors) for names, tensors in found if names.scale]
        state |= _levels(levels, _COPY_ERROR[precision])
        stem = found[0][0].weight
        state[stem], mean = _behind_preprocessing(state[stem], Subgraph(model, [graph.image]), size, detector)
    except (Mismatch, np.linalg.LinAlgError) as error:
        raise UserError(f"{path}: not the graph of this network: {error.args[0]}") from error
    shapes = {name: tensor.shape for name, tensor in detector.state_dict().items()}
    filled = {name: torch.tensor(array, dtype=torch.float32).reshape(shapes[name]) for name, array in state.items()}
    counters = {name: torch.tensor(0) for name in shapes if name.endswith("num_batches_tracked")}
    copies = [(torch.tensor(_scaled(t)), torch.tensor(_shift(t))) for _, t in levels]
    statistics = all(t.statistics is not None for names, t in found if names.norm)
    return Recovered({**counters, **filled}, copies, mean, statistics)


def _plain(found: list[tuple[ParameterNames, Constants]], detector: Detector) -> dict[str, np.ndarray]:
    copies: dict[str, list[np.ndarray]] = defaultdict(list)
    for names, tensors in found:
        for name, array in _own(names, tensors, detector):
            copies[name].append(array)
    for name, arrays in copies.items():
        if not all(np.array_equal(arrays[0], other) for other in arrays):
            raise Mismatch(f"{name} is shared by the levels, and not the same on each")
    return {name: arrays[0] for name, arrays in copies.items()}


def _own(names: ParameterNames, found: Constants, detector: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The parameters of one operation, from what stands there."""
    if names.norm:
        yield names.weight, _scaled(found) if found.statistics else found.weight
        for name, array in _batch_norm(found, detector.get_submodule(names.norm)).items():
            yield f"{names.norm}.{name}", array
    elif found.statistics:
        raise Mismatch(f"{names.module} is followed by a batch norm that the network has not")
    elif found.weight is None:  # a group norm
        channels = detector.get_parameter(names.weight).numel()
        yield names.weight, np.broadcast_to(found.scale, channels)
        yield f"{names.module}.bias", np.broadcast_to(found.shift, channels)
    else:
        yield names.weight, _scaled(found)
        if names.bias:
            yield names.bias, _shift(found)
        elif np.any(found.shift):
            raise Mismatch(f"{names.module} adds a bias that the network has not")


def _batch_norm(found: Constants, norm: Any) -> dict[str, np.ndarray]:
    """The norm after a convolution: its own where it is still there, else what multiplies and adds the folded values
    and changes nothing more."""
    epsilon, ones = np.float32(norm.eps), np.ones(norm.num_features, np.float32)
    if found.statistics:
        held = dict(found.statistics)
        held["running_mean"] = held["running_mean"] - found.shift
        held["running_var"] = held["running_var"] + held.pop("epsilon") - epsilon
        return held
    identity = {"running_mean": 0 * ones, "running_var": ones - epsilon}
    return {"weight": found.scale * ones, "bias": found.shift * ones, **identity}


def _levels(found: list[tuple[ParameterNames, Constants]], allowed: float) -> dict[str, np.ndarray]:
    """One weight, one bias and a scale for each level, from the copies into which the scales were multiplied.

    The scales' common factor cannot be known; the first level's is set to 1. The weight is the copies' mean, nearer to
    what it was than any of them if each was rounded by itself.
    """
    copies = np.stack([np.append(_scaled(t), _shift(t)) for _, t in found]).astype(np.float64)
    if not copies.any(axis=1).all():
        raise Mismatch(f"{found[0][0].module} holds nothing but zeros")
    scales = copies @ copies[0] / (copies[0] @ copies[0])
    mean = (copies / scales[:, None]).mean(axis=0)
    if (np.abs(copies - scales[:, None] * mean).max(axis=1) > allowed * np.abs(copies).max(axis=1)).any():
        raise Mismatch(f"{found[0][0].module} differs between the levels by more than a factor")
    names, shape = found[0][0], found[0][1].weight.shape
    state = {each.scale: scale for (each, _), scale in zip(found, scales, strict=True)}
    return {**state, names.weight: mean[: -shape[0]].reshape(shape), names.bias: mean[-shape[0] :]}


def _scaled(found: Constants) -> np.ndarray:
    return found.weight * np.float32(found.scale).reshape(-1, 1, 1, 1)


def _shift(found: Constants) -> np.ndarray:
    return np.broadcast_to(np.float32(found.shift), len(found.weight))


def measure_front(front: Callable[[np.ndarray], np.ndarray], size: int) -> tuple[np.ndarray, np.ndarray]:
    """What is done to each pixel before the network: a matrix [3, 3] and an offset [3].

    front: images float32 [1, 3, size, size] BGR 0..255 -> the same shape, as the first convolution sees it.
    """
    probes = np.zeros((4, 3, size, size), np.float32)
    probes[range(3), range(3)] = 255
    answers = np.stack([front(probe[None])[0, :, size // 2, size // 2] for probe in probes]).astype(np.float64)
    return ((answers[:3] - answers[3]) / 255).T, answers[3]


def _behind_preprocessing(
    weight: np.ndarray, front: Subgraph, size: int, detector: Any
) -> tuple[np.ndarray, list[float]]:
    """The first convolution's weight for an image normalised as by the config; the mean that the graph takes off."""
    matrix, offset = measure_front(lambda image: front(image)[0], size)
    ours = detector.data_preprocessor
    mean, deviation = (t.numpy().ravel().astype(np.float64) for t in (ours.mean, ours.std))
    if ours._channel_conversion:
        matrix = matrix[:, ::-1]
    measured = -np.linalg.solve(matrix, offset)
    apart = np.abs(measured - mean).max()
    if apart > _ROUNDED_MEAN:
        told = ", ".join(f"{m:.3f}" for m in measured)
        raise Mismatch(f"it takes a mean of {told} off the image, the config {', '.join(f'{m:.3f}' for m in mean)}")
    taken = mean if apart < _SAME_MEAN else measured
    return np.einsum("oikl,ij->ojkl", weight, matrix * deviation), taken.tolist()
