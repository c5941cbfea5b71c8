"""Compare the interfaces of two models: can one replace the other?"""

from facedet.export.interface import BOXES, LABELS, Interface


def interface_reasons(reference: Interface, other: Interface) -> list[str]:
    """List the reasons why a client made for the reference cannot use the other model.

    The names of inputs and outputs are not compared: a model without the published names cannot be opened. A dynamic
    number of rows may stand against a fixed one, which is filled with zero rows.
    """
    reasons = []
    (first, *_), (second, *_) = reference.inputs.values(), other.inputs.values()
    if first != second:
        reasons.append(f"its input is {second[1]} {second[0]}, that of the reference {first[1]} {first[0]}")
    for name in (BOXES, LABELS):
        (kind, shape), (other_kind, other_shape) = reference.outputs[name], other.outputs[name]
        fixed_rows = {size for size in (shape[0], other_shape[0]) if isinstance(size, int)}
        if kind != other_kind or shape[1:] != other_shape[1:] or len(fixed_rows) > 1:
            reasons.append(f"its output {name} is {other_shape} {other_kind}, that of the reference {shape} {kind}")
    if reference.takes_mean != other.takes_mean:
        reasons.append("only one of the two models subtracts a mean from the image")
    return reasons
