"""A quantization as text for the terminal."""

from facedet.evaluation.gated_quantization import Quantization
from facedet.text.columns import columns
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint


def quantization_table(done: Quantization) -> str:
    """Size, speed and accuracy of the float variants and of INT8, side by side."""
    first = done.variants[0]
    rows = [("", "precision", "MB", "images/s", "speed", *first.figures)]
    for v in done.variants:
        speed = (f"{v.images_per_second:.2f}", f"{v.images_per_second / first.images_per_second:.2f}x")
        figures = (f"{100 * value:.1f} %" for value in v.figures.values())
        precision = f"int8, rest {v.precision}" if v.name == "int8" else v.precision
        rows.append((v.name, precision, f"{v.bytes / 1e6:.1f}", *speed, *figures))
    lines = [columns(rows, numbers=True)]
    facts, on = done.facts, done.runtime
    lines.append(f"measured on {on.device} ({on.name}), {on.library}")
    lines.append(
        f"calibrated on {facts['calibration_images']} images; in float: {facts['float_convolutions']} convolutions"
    )
    if done.changes:
        titles = ("", "float32", "INT8", "difference", "95 % interval")
        lines += ["", columns([titles, *(each.row() for each in done.changes)]), ""]
    if done.comparison:
        gained, lost = len(done.comparison.gained), len(done.comparison.lost)
        lines.append(f"faces that only INT8 shows: {gained}; that only float32 shows: {lost}")
    if OPERATING_POINT in facts:
        lines.append(f"INT8 shows boxes above its own {OperatingPoint.from_json(facts[OPERATING_POINT])}")
    return "\n".join(lines)
