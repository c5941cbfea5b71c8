"""The result of a dataset check as text for the terminal."""

from collections.abc import Sequence

from facedet.common.errors import one_line
from facedet.data.inspect.check import CheckResult, DatasetStatistics, face_count_labels, height_labels
from facedet.data.inspect.findings import KINDS
from facedet.text.columns import columns

_BAR = 40  # characters of the longest bar


def check_table(result: CheckResult) -> str:
    """Format the datasets in numbers, the face heights, and every kind of finding with one example."""
    head = ("", "images", "without faces", "faces", "ignored")
    rows = [head, *(_row(result, dataset) for dataset in result.datasets)]
    lines = [columns(rows, numbers=True)]
    for dataset in result.datasets:
        lines += _details(result, dataset)
    if result.findings:
        lines += ["", columns(_findings(result), numbers=True)]
        lines += ["", *(f"{KINDS[kind].title}: {_example(result, kind)}" for kind, _, _ in result.kinds())]
    verdict = "something would harm training" if result.hurts else "nothing would harm training"
    return "\n".join([*lines, "", verdict])


def _row(result: CheckResult, dataset: DatasetStatistics) -> tuple[str, ...]:
    numbers = (dataset.pictures, dataset.without_faces, dataset.faces, dataset.ignored)
    return (f"{result.title(dataset)} {dataset.path}", *(f"{n:,}" for n in numbers))


def _details(result: CheckResult, dataset: DatasetStatistics) -> list[str]:
    """Lines with the histograms and the classes of a dataset."""
    title = result.title(dataset)
    counts = zip(face_count_labels(), dataset.in_pictures, strict=True)
    classes = [(f"  {name}", f"{n:,}", "-> face") for name, n in dataset.classes.items()]
    return [
        "",
        f"{title}: faces by height, px at {result.size}x{result.size}",
        *_bars(height_labels(), dataset.heights),
        "",
        f"{title}: images by number of faces: " + ", ".join(f"{n:,} with {label}" for label, n in counts if n),
        f"{title}: boxes by class",
        columns(classes, numbers=True),
        *([f"{title}: {dataset.drawn}"] if dataset.drawn else []),
    ]


def _findings(result: CheckResult) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("finding", "images", "boxes", "")]
    for key, number, boxes in result.kinds():
        kind = KINDS[key]
        rows.append((kind.title, f"{number:,}", f"{boxes:,}" if boxes else "", "HARMFUL" if kind.hurts else "note   "))
    return rows


def _example(result: CheckResult, kind: str) -> str:
    first, *more = result.of_kind(kind)
    other = f" and {first.other}" if first.other else ""
    return one_line(f"{first.path}{other}: {first.detail}") + (f" (and {len(more)} more)" if more else "")


def _bars(labels: Sequence[str], counts: Sequence[int]) -> list[str]:
    unit = _BAR / max(*counts, 1)
    return [
        f"  {label:>7} {'█' * round(n * unit) or ('▏' if n else '')} {f'{n:,}' if n else ''}".rstrip()
        for label, n in zip(labels, counts, strict=True)
    ]
