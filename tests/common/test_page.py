"""What all pages have in common."""

import re
from pathlib import Path

import pytest

from facedet.common import page
from facedet.common.report_facts import report_facts

SOURCE = Path(page.__file__).parents[1]
TEMPLATES = sorted(SOURCE.rglob("*.html"))
REPORTS = {"evaluation", "comparison", "quantization", "parity", "check", "training"}


def test_the_six_reports_are_here() -> None:
    assert {template.stem for template in TEMPLATES} >= REPORTS


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_wide_tables_scroll_and_colours_are_those_of_the_mode(template: Path) -> None:
    text = template.read_text()
    assert text.count("<table") == text.count('<div class="scroll"><table') == text.count("</table></div>")
    legend = text.replace('<span style="background:#', "")  # the colours of boxes in pictures are the same in both
    assert not re.search(r"(color|background|fill|stroke)\s*[:=]\s*\"?#", legend)
    if template.stem in REPORTS:
        assert text.startswith('{% extends "page.html" %}')
        assert text.count('src="data:image/png') == text.count('class="plot"')  # a plot is drawn dark on white


def test_every_page_ends_with_how_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "odd.html").write_text('{% extends "page.html" %}{% block body %}<p>{{ name }}</p>{% endblock %}')
    about = report_facts()
    written = page.write_page(tmp_path / "odd.html", tmp_path / "out.html", about=about, name="<i>")
    text = written.read_text()
    assert "<p>&lt;i&gt;</p>" in text
    assert f"<td>{about.date}" in text
    assert "<code>called from Python</code>" in text
    assert "prefers-color-scheme: dark" in text
    assert "About this report" not in page.write_page(tmp_path / "odd.html", written, about=None).read_text()
