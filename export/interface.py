"""The interface that the published model has and every exported one keeps."""

from dataclasses import dataclass
from pathlib import Path

from facedet.core.common.errors import UserError

INPUT = "input"  # [1, 3, size, size] float32, BGR, 0..255
INPUT_ALIAS = "image"  # what newer published files call it
BOXES = "boxes"  # [750, 5] float32: x1 y1 x2 y2 in pixels of the input, score; best first; rows past the last are zero
LABELS = "labels"  # [750] int64, 0 = face
CLASSES = ("face",)
SHOW_ABOVE = 0.3  # scores are products and run low: above this a box is shown, unless the user says otherwise

Ports = dict[str, tuple[str, list]]  # element type (f32, i64) and shape by name; a free dimension is no int


@dataclass(frozen=True)
class Interface:
    """takes_mean: whether a mean is taken off the image before the first convolution, measured; if so the input is
    0..255, else somebody outside has to prepare it."""

    inputs: Ports
    outputs: Ports
    takes_mean: bool

    def lines(self) -> list[str]:
        """A line for each kind of port, names that stand for one port together, and one for the image."""
        told = [f"{kind} {self._names(ports)}" for kind, ports in (("input", self.inputs), ("output", self.outputs))]
        return [*told, f"{self.layout}, {'mean taken off inside' if self.takes_mean else 'no mean taken off inside'}"]

    @property
    def layout(self) -> str:
        """By the place of the three channels."""
        _, shape = next(iter(self.inputs.values()))
        return {1: "NCHW", 3: "NHWC"}.get(shape.index(3) if 3 in shape else -1, "unknown layout")

    @staticmethod
    def _names(ports: Ports) -> str:
        grouped: dict[str, list[str]] = {}
        for name, (kind, shape) in ports.items():
            sizes = ",".join("?" if not isinstance(size, int) else str(size) for size in shape)
            grouped.setdefault(f"[{sizes}] {kind}", []).append(name)
        return "; ".join(f"{'/'.join(sorted(names))} {what}" for what, names in grouped.items())


def check_interface(path: Path, inputs: Ports, outputs: Ports) -> int:
    """The input's side where the file has the published interface; raises UserError where not."""
    kind, shape = inputs.get(INPUT) or inputs.get(INPUT_ALIAS) or ("", [])
    square = len(shape) == 4 and shape[:2] == [1, 3] and shape[2] == shape[3] and isinstance(shape[2], int)
    boxes_kind, boxes = outputs.get(BOXES, ("", []))
    labels_kind, labels = outputs.get(LABELS, ("", []))
    given = square and len(boxes) == 2 and boxes[1] == 5 and len(labels) == 1
    if not given or (kind, boxes_kind) != ("f32", "f32") or labels_kind not in ("i64", "i32"):
        raise UserError(
            f"{path}: has not the interface of this project (float32 {INPUT} [1,3,size,size]; outputs float32 {BOXES} "
            f"[n,5] and integer {LABELS} [n])"
        )
    return shape[2]
