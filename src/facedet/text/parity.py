"""A parity check as text for the terminal."""

from pathlib import Path

from facedet.parity.check import Parity
from facedet.parity.verdict import Difference, Pair
from facedet.text.columns import columns


def parity_table(parity: Parity) -> str:
    """A row for each model compared with the reference, and one for its drift in the default precision."""
    rows: list[tuple[str, ...]] = [
        ("model", "precision", "matched", "unmatched", "max px", "mean px", "max score", "allowed", "verdict")
    ]
    for pair in parity.pairs:
        verdict = "agrees" if pair.agree else "DIFFERS"
        rows.append((Path(pair.model).name, pair.precision, *_figures(pair.difference), str(pair.tolerance), verdict))
        if pair.default_drift:
            rows.append(("  by default", pair.default_precision, *_figures(pair.default_drift), "", "(not judged)"))
    height, width = parity.size
    head = f"{len(parity.images)} images at {height}x{width}, compared with {parity.names[0]}"
    computed = dict.fromkeys(zip((Path(name).name for name in parity.names), map(str, parity.runtimes), strict=True))
    lines = [head, columns(rows), *(f"{name}: computed on {runtime}" for name, runtime in computed)]
    for name, interface in zip(parity.names, parity.interfaces, strict=False):
        lines += ["", f"interface of {Path(name).name}", *(f"  {line}" for line in interface.lines())]
    for pair in parity.pairs:
        if pair.tolerance.share is not None:
            d = pair.difference
            lines.append(f"{Path(pair.model).name}: {d.shown_alike} of {d.shown} shown boxes are alike")
        lines += _levels(pair)
        lines += [f"{Path(pair.model).name}: {reason}" for reason in (*pair.reasons, *pair.notes)]
    for each in parity.accuracy:
        titles = (Path(each.model).name, "CPU, f32", "on the device", "difference", "95 % interval")
        lines += ["", columns([titles, *each.rows]), each.note, f"is the device better, by AP? {each.verdict}"]
    return "\n".join(lines)


def _figures(d: Difference) -> tuple[str, ...]:
    unmatched = f"{d.only_first}+{d.only_second}"
    return (str(d.matched), unmatched, f"{d.max_px:.4f}", f"{d.mean_px:.5f}", f"{d.max_score:.1e}")


def _levels(pair: Pair) -> list[str]:
    if not pair.levels:
        return []
    rows = [(f"  {Path(pair.model).name} before NMS", "anchors", "max px", "mean px", "max score", "mean score")]
    for d in pair.levels:
        px, score = (f"{d.max_px:.4f}", f"{d.mean_px:.5f}"), (f"{d.max_score:.1e}", f"{d.mean_score:.1e}")
        rows.append((f"  stride {d.stride}", f"{d.anchors:,}", *px, *score))
    return ["", columns(rows)]
