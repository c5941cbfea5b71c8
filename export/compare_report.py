"""A comparison for people: one page with what was gained and lost, in pictures."""

from pathlib import Path

import jinja2

from data.files import write_beside
from evaluation.faces import Case
from export.compare import Comparison
from export.draw import AMBER, BLUE, GREEN, RED
from export.evaluation_report import as_jpeg, cut_outs, write_json

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
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    page = environment.get_template("comparison.html").render(
        done=done, sections=[(title, len(cases), _figures(done, cases, colour)) for title, cases, colour in sections]
    )
    with write_beside(folder / "comparison.html") as beside:
        beside.write_text(page, encoding="utf-8")
    return folder / "comparison.html"


def _figures(done: Comparison, cases: list[Case], colour: tuple[int, int, int]) -> list[tuple[str, str, Case]]:
    shown = cases[:_SHOWN]
    pictures = cut_outs(done.photos, shown, colour)
    return [(as_jpeg(i), done.photos[c.photo].path.name, c) for i, c in zip(pictures, shown, strict=True)]
