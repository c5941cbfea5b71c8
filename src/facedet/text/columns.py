"""Rows as aligned text for the terminal."""

from collections.abc import Sequence

from facedet.common.errors import one_line


def columns(rows: Sequence[tuple[str, ...]], numbers: bool = False) -> str:
    """Align all columns to the left or, with `numbers`, all but the first to the right."""
    if not rows:
        return "  none"
    rows = [tuple(map(one_line, row)) for row in rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if numbers and k else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
