"""Let every variant of an export take the image and give the rows of the published interface."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.export.interface import BOXES, DETECTIONS, INPUT, LABELS, SCORES, Ports, check_interface
from facedet.export.postprocess import postprocess
from facedet.export.variants import DETECTION_OUTPUT, UNCHANGED, Variant
from facedet.inference.session_parts import join_outputs, nms_rule
from facedet.weights.graph_facts import read_network


class VariantAnswer:
    """How to call a file that `export` wrote, or another one with the published interface. Raises UserError.

    facts: of the file. size: height and width of the network's input, pixels. variant: that of the file. outputs:
    names of those that it reads.
    """

    def __init__(self, path: Path, facts: dict[str, str], inputs: Ports, outputs: Ports):
        self.path, self.variant = path, _variant(path, facts)
        self.outputs = _outputs(self.variant)
        self._rule = nms_rule(facts, path)
        if self.variant == UNCHANGED:
            self.size = check_interface(path, inputs, outputs)
        else:
            self.size = _check_variant(path, self.variant, facts, inputs, outputs)

    def image(self, image: np.ndarray) -> np.ndarray:
        """What the file takes, of an image float32 [1, 3, *size] BGR 0..255. A batch is this image several times."""
        if self.variant.takes_pictures:
            image = np.ascontiguousarray(image.transpose(0, 2, 3, 1).round().astype(np.uint8))
        return image if self.variant.batch == 1 else np.repeat(image, self.variant.batch, axis=0)

    def rows(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Rows [n, 6] of x1 y1 x2 y2 in pixels of the network's input, score, label. Raises UserError."""
        if self.variant.layout == DETECTION_OUTPUT:
            found = outputs[DETECTIONS].reshape(-1, 7)
            sides = np.array(self.size[::-1] * 2, np.float32)
            return np.column_stack([found[:, 3:] * sides, found[:, 2], found[:, 1]])[found[:, 0] >= 0]
        boxes, second = (self._first(outputs[name]) for name in self.outputs)
        if not self.variant.nms:
            assert self._rule is not None
            boxes = postprocess(boxes, second, **self._rule)  # type: ignore[arg-type]
            second = np.zeros(len(boxes))
        return join_outputs(self.path, boxes, second)

    def before_nms(self, outputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Boxes [anchors, 4] and scores [anchors], the outputs of a file without NMS."""
        return [self._first(outputs[name]) for name in (BOXES, SCORES)]

    def _first(self, output: np.ndarray) -> np.ndarray:
        return output[0] if self.variant.images_first else output


def _variant(path: Path, facts: dict[str, str]) -> Variant:
    try:
        return Variant.of(facts.get("variant", ""))
    except (ValueError, UserError) as error:
        raise UserError(f"{path}: was written by another version ({error}); export the checkpoint again") from error


def _outputs(variant: Variant) -> tuple[str, ...]:
    if variant.layout == DETECTION_OUTPUT:
        return (DETECTIONS,)
    return BOXES, LABELS if variant.nms else SCORES


def _check_variant(
    path: Path, variant: Variant, facts: dict[str, str], inputs: Ports, outputs: Ports
) -> tuple[int, int]:
    """Check that a file has the interface of the variant that it states. Returns the network's height and width."""
    network = read_network(facts, path)
    kind, shape = inputs.get(INPUT, ("", []))
    if network and variant.takes_pictures:
        expected, sides = ("u8", [variant.batch, None, None, 3]), [network.input_size] * 2
    else:
        sides = shape[2:]
        expected = ("f32", [variant.batch, 3, *sides])
    fits = (kind, shape) == expected and len(sides) == 2 and all(isinstance(side, int) for side in sides)
    if not network or not fits or not _fit(variant, outputs):
        raise UserError(f"{path}: does not have the interface of `export {variant.options}`, which it states")
    return sides[0], sides[1]


def _fit(variant: Variant, outputs: Ports) -> bool:
    if variant.layout == DETECTION_OUTPUT:
        kind, shape = outputs.get(DETECTIONS, ("", []))
        return kind == "f32" and len(shape) == 4 and shape[3] == 7
    (kind, boxes), (_, second) = (outputs.get(name, ("", [])) for name in _outputs(variant))
    ranks_fit = len(boxes) == variant.images_first + 2 == len(second) + 1
    return kind == "f32" and ranks_fit and boxes[-1] == (5 if variant.nms else 4)
