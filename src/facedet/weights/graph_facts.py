"""Facts of exported models that do not depend on the library that reads the file. Needs no torch."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError, first_line
from facedet.detector.stored_network import StoredNetwork

LOOPS = {"Loop", "Scan", "TensorIterator"}  # operations that may run for ever; no detector has them
MOST_OPERATIONS = 20_000  # of a graph; the full model has about 2,000
SECTION = "facedet"  # of an IR's rt_info, and the prefix in an ONNX file's metadata, for facts of the export


def onnx_facts(metadata: Mapping[str, str]) -> dict[str, str]:
    """What `export` stored in the metadata of an ONNX file."""
    prefix = f"{SECTION}_"
    return {key.removeprefix(prefix): value for key, value in metadata.items() if key.startswith(prefix)}


def read_network(facts: dict[str, str], path: Path) -> StoredNetwork | None:
    """The network in the facts of an export, None if they contain none. Raises UserError."""
    if "network" not in facts:
        return None
    try:
        return StoredNetwork.from_json(facts["network"])
    except ValueError as error:
        raise UserError(f"{path}: the description of its network is damaged ({first_line(error)})") from error


def most_used_type(constants: Iterable[tuple[str, Iterable[int]]]) -> str:
    """The element type, of pairs with a shape, that holds most elements; `f32` if there are none.

    A network with any i8 weights counts as `i8`: quantization can leave many layers in float.
    """
    sizes: Counter[str] = Counter()
    for element_type, shape in constants:
        sizes[element_type] += math.prod(shape)
    if "i8" in sizes:
        return "i8"
    return sizes.most_common(1)[0][0] if sizes else "f32"


def measure_preprocessing(
    preprocess: Callable[[np.ndarray], np.ndarray], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Measure what preprocessing does to each pixel: a matrix [3, 3] and an offset [3], output = matrix @ BGR + offset.

    preprocess: image float32 [1, 3, *size] BGR 0..255 -> the input of the first convolution, same shape.
    """
    height, width = size
    probes = np.zeros((4, 3, height, width), np.float32)
    probes[range(3), range(3)] = 255
    outputs = np.stack([preprocess(probe[None])[0, :, height // 2, width // 2] for probe in probes]).astype(np.float64)
    return ((outputs[:3] - outputs[3]) / 255).T, outputs[3]
