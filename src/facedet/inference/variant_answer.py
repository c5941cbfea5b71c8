"""Let every variant of an export take the image and give the rows of the published interface."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError
from facedet.export.interface import BOXES, DETECTIONS, INPUT, LABELS, SCORES, Ports, check_interface
from facedet.export.postprocess import postprocess
from facedet.export.variants import DETECTION_OUTPUT, PUBLISHED, UNCHANGED, Variant
from facedet.inference.session_parts import nms_rule
from facedet.weights.graph_facts import read_network


class VariantAnswer:
    """How to call a file that `export` wrote, or another one with the published interface. Raises UserError.

    facts: of the file. size: height and width of the network's input, pixels. variant: that of the file.
    """

    def __init__(self, path: Path, facts: dict[str, str], inputs: Ports, outputs: Ports):
        self.variant = _variant(path, facts)
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

    def rows(self, output: Callable[[str], np.ndarray]) -> np.ndarray:
        """Rows [n, 6] of x1 y1 x2 y2 in pixels of the network's input, score, label. output: by its name."""
        if self.variant.layout == DETECTION_OUTPUT:
            found = output(DETECTIONS).reshape(-1, 7)
            sides = np.array(self.size[::-1] * 2, np.float32)
            return np.column_stack([found[:, 3:] * sides, found[:, 2], found[:, 1]])[found[:, 0] >= 0]
        boxes, second = (self._first(output(name)) for name in (BOXES, LABELS if self.variant.nms else SCORES))
        if not self.variant.nms:
            assert self._rule is not None
            boxes = postprocess(boxes, second, **self._rule)  # type: ignore[arg-type]
            second = np.zeros(len(boxes))
        return np.column_stack([boxes, second.astype(np.float32)])

    def before_nms(self, output: Callable[[str], np.ndarray]) -> list[np.ndarray]:
        """Boxes [anchors, 4] and scores [anchors], the outputs of a file without NMS."""
        return [self._first(output(name)) for name in (BOXES, SCORES)]

    def _first(self, output: np.ndarray) -> np.ndarray:
        return output if self.variant.batch == 1 and self.variant.layout == PUBLISHED else output[0]


def _variant(path: Path, facts: dict[str, str]) -> Variant:
    try:
        return Variant.of(facts.get("variant", ""))
    except (ValueError, UserError) as error:
        raise UserError(f"{path}: was written by another version ({error}); export the checkpoint again") from error


def _check_variant(
    path: Path, variant: Variant, facts: dict[str, str], inputs: Ports, outputs: Ports
) -> tuple[int, int]:
    network = read_network(facts, path)
    if network is None:
        raise UserError(f"{path}: does not state its network; export the checkpoint again")
    kind, shape = inputs.get(INPUT, ("", []))
    sides = shape[2:] if not variant.takes_pictures else [network.input_size] * 2
    expected = ("u8", [None, None, 3]) if variant.takes_pictures else ("f32", [3, *sides])
    second = LABELS if variant.nms else SCORES
    names = {DETECTIONS} if variant.layout == DETECTION_OUTPUT else {BOXES, second}
    fits = (kind, shape[1:]) == expected and shape[0] == variant.batch and len(sides) == 2
    if not fits or not all(isinstance(side, int) for side in sides) or not names <= outputs.keys():
        raise UserError(f"{path}: does not have the interface of `export {variant.options}`, which it states")
    return sides[0], sides[1]
