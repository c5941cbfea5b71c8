"""The interface of the published model, which every exported model has too."""

from dataclasses import dataclass
from pathlib import Path

from facedet.common.errors import UserError
from facedet.detector.stored_network import LARGEST, SMALLEST

INPUT = "input"  # [1, 3, size, size] float32, BGR, 0..255
INPUT_ALIAS = "image"  # the same input in newer published files
BOXES = "boxes"  # [750, 5] float32: x1 y1 x2 y2 in pixels of the input, score; best first, then zero rows
LABELS = "labels"  # [750] int64, 0 = face
SCORES = "scores"  # instead of labels where an export has no NMS: [anchors] float32; its boxes are [anchors, 4]
# instead of both: [1, 1, 750, 7] float32, as of an SSD: image (-1 after the last), label, score, x1 y1 x2 y2 in 0..1
DETECTIONS = "detection_out"
CLASSES = ("face",)

Ports = dict[str, tuple[str, list]]  # name -> element type (f32, i64) and shape; a dynamic dimension is not an int


@dataclass(frozen=True)
class Interface:
    """Inputs, outputs and preprocessing of a model.

    takes_mean: whether the model subtracts a mean from the image before its first convolution (measured). If it does,
    it takes values 0..255; if not, the caller has to normalise the image.
    """

    inputs: Ports
    outputs: Ports
    takes_mean: bool

    def lines(self) -> list[str]:
        """Describe the inputs, the outputs and the preprocessing, one line each; names of the same port are joined."""
        mean = "the model subtracts the mean" if self.takes_mean else "the model subtracts no mean"
        return [f"input {_describe(self.inputs)}", f"output {_describe(self.outputs)}", f"{self.layout}, {mean}"]

    @property
    def layout(self) -> str:
        """NCHW or NHWC, by the position of the three channels."""
        _, shape = next(iter(self.inputs.values()))
        return {1: "NCHW", 3: "NHWC"}.get(shape.index(3) if 3 in shape else -1, "unknown layout")


def check_interface(path: Path, inputs: Ports, outputs: Ports) -> tuple[int, int]:
    """Check that a file has the published interface. Returns the input's height and width. Raises UserError."""
    kind, shape = inputs.get(INPUT) or inputs.get(INPUT_ALIAS) or ("", [])
    image = len(shape) == 4 and shape[:2] == [1, 3] and all(isinstance(side, int) for side in shape[2:])
    if image and not all(SMALLEST <= side <= LARGEST for side in shape[2:]):
        sides = f"{shape[2]}x{shape[3]} pixels"
        raise UserError(f"{path}: its input has {sides}; give a model with {SMALLEST} to {LARGEST} a side")
    boxes_kind, boxes = outputs.get(BOXES, ("", []))
    labels_kind, labels = outputs.get(LABELS, ("", []))
    shapes_fit = image and len(boxes) == 2 and boxes[1] == 5 and len(labels) == 1
    if not shapes_fit or (kind, boxes_kind) != ("f32", "f32") or labels_kind not in ("i64", "i32"):
        raise UserError(
            f"{path}: does not have the interface of this project; give a model with float32 "
            f"{INPUT} [1,3,height,width], float32 {BOXES} [n,5] and integer {LABELS} [n]"
        )
    return shape[2], shape[3]


def interface_reasons(reference: Interface, other: Interface) -> list[str]:
    """List the reasons why a client made for the reference cannot use the other model.

    The names of inputs and outputs are not compared: a model without the published names cannot be opened. A dynamic
    number of rows is compatible with a fixed one, which is padded with zero rows.
    """
    reasons = []
    (first, *_), (second, *_) = reference.inputs.values(), other.inputs.values()
    if first != second:
        reasons.append(f"its input is {second[1]} {second[0]}, that of the reference {first[1]} {first[0]}")
    for name in (BOXES, LABELS):
        if name not in reference.outputs or name not in other.outputs:
            reasons.append(f"one of the two models has no output {name}")
            continue
        (kind, shape), (other_kind, other_shape) = reference.outputs[name], other.outputs[name]
        fixed_rows = {size for size in (shape[0], other_shape[0]) if isinstance(size, int)}
        if kind != other_kind or shape[1:] != other_shape[1:] or len(fixed_rows) > 1:
            reasons.append(f"its output {name} is {other_shape} {other_kind}, that of the reference {shape} {kind}")
    if reference.takes_mean != other.takes_mean:
        reasons.append("only one of the two models subtracts a mean from the image")
    return reasons


def _describe(ports: Ports) -> str:
    names_by_type: dict[str, list[str]] = {}
    for name, (kind, shape) in ports.items():
        sizes = ",".join(str(size) if isinstance(size, int) else "?" for size in shape)
        names_by_type.setdefault(f"[{sizes}] {kind}", []).append(name)
    return "; ".join(f"{'/'.join(sorted(names))} {described}" for described, names in names_by_type.items())
