"""Whether one model can stand in for another: input and outputs compared."""

from facedet.core.export.interface import BOXES, LABELS, Interface


def interface_reasons(reference: Interface, other: Interface) -> list[str]:
    """Why a product made for the reference could not use the other. Both bear the published names, else they would not
    have been opened; a free number of rows and a fixed one are both right, zero rows filling the fixed."""
    reasons = []
    (first, *_), (second, *_) = reference.inputs.values(), other.inputs.values()
    if first != second:
        reasons.append(f"takes {second[1]} {second[0]}, the reference {first[1]} {first[0]}")
    for name in (BOXES, LABELS):
        (kind, shape), (other_kind, other_shape) = reference.outputs[name], other.outputs[name]
        rows = {size for size in (shape[0], other_shape[0]) if isinstance(size, int)}
        if kind != other_kind or shape[1:] != other_shape[1:] or len(rows) > 1:
            reasons.append(f"gives {name} {other_shape} {other_kind}, the reference {shape} {kind}")
    if reference.takes_mean != other.takes_mean:
        reasons.append("one of the two takes a mean off the image inside, the other does not")
    return reasons
