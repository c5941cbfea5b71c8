"""A comparison for people: one page with what was gained and lost, in pictures."""

from pathlib import Path

from facedet.core.common.files import write_json
from facedet.core.common.page import as_jpeg, write_page
from facedet.core.evaluation.compare import Comparison
from facedet.core.evaluation.metrics.faces import Case
from facedet.core.evaluation.report import cut_outs
from facedet.core.inference.draw import AMBER, BLUE, GREEN, RED

_SHOWN = 24  # pictures in a section


def write_comparison(done: Comparison, folder: Path) -> Path:
    """Write comparison.json and comparison.html into `folder`; returns the page."""
    write_json(done.as_dict(), folder / "comparison.json")
    sections = [
        ("Gained: faces that only the second finds", done.gained, GREEN),
        ("Lost: faces that only the first finds", done.lost, RED),
        ("Surest false alarms of the first", done.alarms[0], BLUE),
        ("Surest false alarms of the second", done.alarms[1], AMBER),
    ]
    return write_page(
        Path(__file__).with_name("comparison.html"),
        folder / "comparison.html",
        done=done,
        sections=[(title, len(cases), _figures(done, cases, colour)) for title, cases, colour in sections],
    )


def _figures(done: Comparison, cases: list[Case], colour: tuple[int, int, int]) -> list[tuple[str, str, Case]]:
    shown = cases[:_SHOWN]
    pictures = cut_outs(done.photos, shown, colour)
    return [(as_jpeg(i), done.photos[c.photo].path.name, c) for i, c in zip(pictures, shown, strict=True)]
