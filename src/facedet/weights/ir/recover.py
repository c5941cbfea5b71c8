"""Recover a detector's weights from an OpenVINO graph: undo what conversion fused."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import torch

from facedet.common.errors import UserError
from facedet.detector.model import Detector
from facedet.weights.graph_facts import measure_preprocessing
from facedet.weights.ir.graph import Subgraph
from facedet.weights.ir.graph_operations import Constants, graph_operations
from facedet.weights.ir.network_operations import ParameterNames, network_operations
from facedet.weights.ir.operations import Mismatch, match_operations

# Largest difference between the levels' weights, divided by their scales, relative to the largest weight: what rounding
# to the precision can cause.
_COPY_TOLERANCE = {"f32": 1e-5, "f16": 2e-3}
# Differences between the mean of the graph and of the config, of 255: up to the first the means are equal, up to the
# second rounding to float16 explains the difference.
_MEAN_EQUAL, _MEAN_TOLERANCE = 1e-3, 0.2

_Found = list[tuple[ParameterNames, Constants]]


@dataclass(frozen=True)
class Recovered:
    """Weights from a graph.

    state: under the detector's names. copies: weight and bias of `atss_reg` for each level, multiplied by the level's
    scale. mean: what the graph subtracts from the image, in the channel order of the config. has_statistics: whether
    every batch normalization has its running mean and variance; a folded one becomes an identity that adds the folded
    bias.
    """

    state: dict[str, torch.Tensor]
    copies: list[tuple[torch.Tensor, torch.Tensor]]
    mean: list[float]
    has_statistics: bool


def recover(detector: Detector, size: int, model: ov.Model, path: Path, precision: str) -> Recovered:
    """Recover the weights of a detector of this architecture from the graph of `path`.

    precision: of the graph's constants as stored, `f32` or `f16`. Raises UserError with the first difference between
    the graph and the network.
    """
    try:
        network = network_operations(detector, size)
    except Mismatch as error:
        raise UserError(f"{path}: the network of this config cannot be recovered from a graph: {error}") from error
    try:
        graph = graph_operations(model)
        pairs = match_operations(network, graph.operations)
        if graph.convolutions > sum(operation.kind == "conv" for operation in graph.operations):
            raise Mismatch("it contains convolutions that the network does not have")
        found: _Found = [(ours.content, theirs.content) for ours, theirs in pairs if ours.content]
        levels = [(names, constants) for names, constants in found if names.scale]
        state = _shared_parameters([pair for pair in found if not pair[0].scale], detector)
        state |= _scaled_parameters(levels, _COPY_TOLERANCE[precision])
        first = found[0][0].weight
        state[first], mean = _adapt_to_config(state[first], Subgraph(model, [graph.image], path), size, detector)
    except (Mismatch, np.linalg.LinAlgError) as error:
        raise UserError(f"{path}: not the graph of this network: {error.args[0]}") from error
    shapes = {name: tensor.shape for name, tensor in detector.state_dict().items()}
    weights = {name: torch.tensor(array, dtype=torch.float32).reshape(shapes[name]) for name, array in state.items()}
    counters = {name: torch.tensor(0) for name in shapes if name.endswith("num_batches_tracked")}
    copies = [(torch.tensor(_weight(c)), torch.tensor(_bias(c))) for _, c in levels]
    has_statistics = all(constants.batch_norm is not None for names, constants in found if names.norm)
    return Recovered({**counters, **weights}, copies, mean, has_statistics)


def _shared_parameters(found: _Found, detector: Detector) -> dict[str, np.ndarray]:
    """The parameters by name. The head's parameters are in the graph once for each level and must be equal."""
    copies: dict[str, list[np.ndarray]] = defaultdict(list)
    for names, constants in found:
        for name, array in _parameters(names, constants, detector):
            copies[name].append(array)
    for name, arrays in copies.items():
        if not all(np.array_equal(arrays[0], other) for other in arrays):
            raise Mismatch(f"{name} is shared by all levels, but its values differ between them")
    return {name: arrays[0] for name, arrays in copies.items()}


def _parameters(names: ParameterNames, constants: Constants, detector: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The parameters of one operation, from its constants."""
    if names.norm:
        yield names.weight, _weight(constants) if constants.batch_norm else constants.weight
        for name, array in _batch_norm(constants, detector.get_submodule(names.norm)).items():
            yield f"{names.norm}.{name}", array
    elif constants.batch_norm:
        raise Mismatch(f"{names.module} is followed by batch normalization, but not in the network")
    elif constants.weight is None:  # group normalization
        channels = detector.get_parameter(names.weight).numel()
        yield names.weight, np.broadcast_to(constants.scale, channels)
        yield f"{names.module}.bias", np.broadcast_to(constants.shift, channels)
    else:
        yield names.weight, _weight(constants)
        if names.bias:
            yield names.bias, _bias(constants)
        elif np.any(constants.shift):
            raise Mismatch(f"{names.module} adds a bias, but not in the network")


def _batch_norm(constants: Constants, norm: Any) -> dict[str, np.ndarray]:
    """Parameters of the batch normalization after a convolution.

    They are its own if conversion kept it. If not, scale and shift become weight and bias, and the rest is an identity.
    """
    epsilon, ones = np.float32(norm.eps), np.ones(norm.num_features, np.float32)
    if constants.batch_norm:
        parameters = dict(constants.batch_norm)
        parameters["running_mean"] = parameters["running_mean"] - constants.shift
        parameters["running_var"] = parameters["running_var"] + parameters.pop("epsilon") - epsilon
        return parameters
    identity = {"running_mean": 0 * ones, "running_var": ones - epsilon}
    return {"weight": constants.scale * ones, "bias": constants.shift * ones, **identity}


def _scaled_parameters(levels: _Found, tolerance: float) -> dict[str, np.ndarray]:
    """One weight, one bias and a scale per level, from each level's copy that is multiplied by its scale.

    The common factor of the scales is unknown: the first level's scale is set to 1. The weight is the mean of the
    copies, because that is nearer to the original than a single copy if each was rounded separately.
    """
    copies = np.stack([np.append(_weight(c), _bias(c)) for _, c in levels]).astype(np.float64)
    names, shape = levels[0][0], levels[0][1].weight.shape
    if not copies.any(axis=1).all():
        raise Mismatch(f"{names.module} has only zeros")
    scales = copies @ copies[0] / (copies[0] @ copies[0])
    mean = (copies / scales[:, None]).mean(axis=0)
    if (np.abs(copies - scales[:, None] * mean).max(axis=1) > tolerance * np.abs(copies).max(axis=1)).any():
        raise Mismatch(f"{names.module} differs between the levels by more than a scale")
    state = {level.scale: scale for (level, _), scale in zip(levels, scales, strict=True)}
    return {**state, names.weight: mean[: -shape[0]].reshape(shape), names.bias: mean[-shape[0] :]}


def _weight(constants: Constants) -> np.ndarray:
    return constants.weight * np.float32(constants.scale).reshape(-1, 1, 1, 1)


def _bias(constants: Constants) -> np.ndarray:
    return np.broadcast_to(np.float32(constants.shift), len(constants.weight))


def _adapt_to_config(
    weight: np.ndarray, preprocessing: Subgraph, size: int, detector: Any
) -> tuple[np.ndarray, list[float]]:
    """Adapt the first convolution's weight to an image that is normalised by the config.

    Returns also the mean that the graph subtracts.
    """
    matrix, offset = measure_preprocessing(lambda image: preprocessing(image)[0], (size, size))
    preprocessor = detector.data_preprocessor
    mean, std = (t.numpy().ravel().astype(np.float64) for t in (preprocessor.mean, preprocessor.std))
    if preprocessor._channel_conversion:
        matrix = matrix[:, ::-1]
    measured = -np.linalg.solve(matrix, offset)
    difference = np.abs(measured - mean).max()
    if difference > _MEAN_TOLERANCE:
        theirs, ours = (", ".join(f"{m:.3f}" for m in values) for values in (measured, mean))
        raise Mismatch(f"it subtracts a mean of {theirs} from the image, the config {ours}")
    subtracted = mean if difference < _MEAN_EQUAL else measured
    return np.einsum("oikl,ij->ojkl", weight, matrix * std), subtracted.tolist()
