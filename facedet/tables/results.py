"""Results as text for a terminal."""

import math
from collections.abc import Sequence
from pathlib import Path

from facedet.core.evaluation.compare import Comparison
from facedet.core.evaluation.evaluate import Evaluation
from facedet.core.evaluation.report import metric_rows
from facedet.core.evaluation.reproduce import Line
from facedet.core.inference.info import Info
from facedet.core.parity.check import Parity
from facedet.core.parity.verdict import Pair
from facedet.core.weights.importing import Origin
from facedet.tables.columns import columns


def parity_table(parity: Parity) -> str:
    """A line for each model held to the first one, and for each drift under the default precision."""
    head = ("model", "precision", "matched", "unmatched", "max px", "mean px", "max score", "allowed", "verdict")
    rows = [head]
    for pair in parity.pairs:
        d, name = pair.difference, Path(pair.model).name
        lone = f"{d.only_first}+{d.only_second}"
        allowed = f"{pair.tolerance.px:g} px, {pair.tolerance.score:g}"
        figures = (str(d.matched), lone, f"{d.max_px:.4f}", f"{d.mean_px:.5f}", f"{d.max_score:.1e}")
        rows.append((name, pair.precision, *figures, allowed, "agrees" if pair.agree else "DIFFERS"))
        if pair.default_drift:
            d = pair.default_drift
            lone = f"{d.only_first}+{d.only_second}"
            figures = (str(d.matched), lone, f"{d.max_px:.4f}", f"{d.mean_px:.5f}", f"{d.max_score:.1e}")
            rows.append(("  by default", pair.default_precision, *figures, "", "(shown)"))
    lines = [f"{len(parity.images)} pictures at {parity.size}x{parity.size}, held to {parity.names[0]}", columns(rows)]
    for name, interface in zip(parity.names, parity.interfaces, strict=False):
        lines += ["", f"interface of {Path(name).name}", *(f"  {line}" for line in interface.lines())]
    for pair in parity.pairs:
        lines += _levels(pair)
        lines += [f"{Path(pair.model).name}: {reason}" for reason in pair.reasons]
    return "\n".join(lines)


def _levels(pair: Pair) -> list[str]:
    if not pair.levels:
        return []
    rows = [(f"  {Path(pair.model).name} before NMS", "anchors", "max px", "mean px", "max score", "mean score")]
    for d in pair.levels:
        px, score = (f"{d.max_px:.4f}", f"{d.mean_px:.5f}"), (f"{d.max_score:.1e}", f"{d.mean_score:.1e}")
        rows.append((f"  stride {d.stride}", f"{d.anchors:,}", *px, *score))
    return ["", columns(rows)]


def evaluation_table(done: Evaluation) -> str:
    """Figures in per cent, then AP by face height."""
    speed = f", {done.images_per_second:.1f} a second" if done.images_per_second else ""
    head = f"{done.source}: {len(done.photos)} photographs{speed}" if done.photos else done.source
    heights = [("face height, px", "faces", "AP50")]
    for h in done.heights:
        heights.append((_range(h.lowest, h.highest), f"{h.faces:,}", "none" if h.ap is None else f"{100 * h.ap:.1f} %"))
    lines = [head, columns(metric_rows(done.metrics)), "", columns(heights)]
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def comparison_table(done: Comparison) -> str:
    """What the second model gained and lost, by face height."""
    rows = [("face height, px", "faces", "both", "gained", "lost")]
    for r in done.sizes:
        rows.append((_range(r.lowest, r.highest), f"{r.faces:,}", f"{r.both:,}", f"{r.gained:,}", f"{r.lost:,}"))
    alarms = f"false alarms: {len(done.alarms[0])} before, {len(done.alarms[1])} now"
    lines = [f"{len(done.photos)} photographs, from {done.first} to {done.second}", columns(rows)]
    lines += [f"{len(done.gained)} faces gained, {len(done.lost)} lost; {alarms}"]
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def card_table(lines: Sequence[Line]) -> str:
    """Measured beside published."""
    rows = [("face-detection-0206", "measured", "published")]
    return columns(rows + [(line.name, f"{line.measured:.3f}", f"{line.published:.3f}") for line in lines])


def _range(lowest: float, highest: float) -> str:
    return f"{lowest:g} and more" if math.isinf(highest) else f"{lowest:g} to {highest:g}"


def origin_lines(origin: Origin) -> list[str]:
    """What an import found and proved."""
    lines = [f"{origin.form} of {origin.config}, every weight in its place"]
    if origin.proof and origin.proof_as_stored:
        lines.append(f"before NMS at most {origin.proof_as_stored} from the file, over all anchors")
        if origin.form.startswith("f16"):
            lines.append(
                f"the checkpoint at most {origin.proof}: FP16 rounded the box weights for each level by itself"
            )
    lines += [f"left out: {line}" for line in origin.left_out]
    if origin.calibrated_on:
        lines.append(f"batch norms hold statistics of {origin.calibrated_on} photographs and can be trained")
    elif origin.frozen_norms:
        lines.append(
            f"{origin.frozen_norms} batch norms have no statistics and stay frozen in training; "
            "--calibrate PHOTOGRAPHS gives them new ones"
        )
    return lines


def info_table(info: Info) -> str:
    """Figures beside the published card's."""
    card = info.published
    rows = [
        ("", "this", "published face-detection-0206"),
        ("constants" if info.interface else "parameters", f"{info.parameters:,}", ""),
        ("MParams, counted as the card does", f"{info.card_million_parameters:.3f}", f"{card.million_parameters:.3f}"),
        (f"GFLOPs at {info.input_size}x{info.input_size}", f"{info.gflops:.3f}", f"{card.gflops:.3f} at 640x640"),
    ]
    if info.bin_bytes:
        rows.insert(2, ("bytes of the .bin", f"{info.bin_bytes:,}", ""))
    lines = [f"{info.path} ({info.kind})", columns(rows), *info.interface]
    return "\n".join(lines + [f"{key}: {value}" for key, value in info.origin.items()])
