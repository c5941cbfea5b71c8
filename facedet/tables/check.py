"""A check of a set as text for a terminal."""

from collections.abc import Sequence

from facedet.core.data.inspect.check import Check, DatasetStatistics, face_names, height_names
from facedet.core.data.inspect.findings import KINDS
from facedet.tables.columns import columns

_BAR = 40  # characters of the longest bar


def check_table(check: Check) -> str:
    """The sets in numbers, face heights, then every kind of finding with one example."""
    head = ("", "pictures", "without faces", "faces", "ignored")
    rows = [head, *(_row(figures) for figures in check.sets)]
    lines = [columns(rows, numbers=True)]
    for figures in check.sets:
        lines += ["", f"face heights in {figures.role}, px of {check.size}"]
        lines += _bars(height_names(), figures.heights)
        numbers = zip(face_names(), figures.in_pictures, strict=True)
        lines += ["", f"faces in a picture of {figures.role}: " + ", ".join(f"{k} in {n:,}" for k, n in numbers if n)]
        lines += [f"classes of {figures.role}"]
        lines.append(columns([(f"  {name}", f"{n:,}", "-> face") for name, n in figures.classes.items()], numbers=True))
    if check.findings:
        lines += ["", columns(_findings(check), numbers=True)]
        lines += ["", *(f"{KINDS[kind].title}: {_example(check, kind)}" for kind, _, _ in check.kinds())]
    verdict = "something would hurt a training" if check.hurts else "nothing would hurt a training"
    return "\n".join([*lines, "", verdict])


def _row(figures: DatasetStatistics) -> tuple[str, ...]:
    numbers = (figures.pictures, figures.without_faces, figures.faces, figures.ignored)
    return (f"{figures.role} {figures.path}", *(f"{n:,}" for n in numbers))


def _findings(check: Check) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("found", "pictures", "boxes", "")]
    for key, number, boxes in check.kinds():
        kind = KINDS[key]
        rows.append((kind.title, f"{number:,}", f"{boxes:,}" if boxes else "", "HURTS" if kind.hurts else "note "))
    return rows


def _example(check: Check, kind: str) -> str:
    first, *more = check.of_kind(kind)
    other = f" and {first.other}" if first.other else ""
    return f"{first.path}{other}: {first.detail}" + (f" (and {len(more)} more)" if more else "")


def _bars(names: Sequence[str], counts: Sequence[int]) -> list[str]:
    unit = _BAR / max(*counts, 1)
    return [
        f"  {name:>7} {'█' * round(n * unit) or ('▏' if n else '')} {f'{n:,}' if n else ''}".rstrip()
        for name, n in zip(names, counts, strict=True)
    ]
