"""The report of a training run."""

import json
import re
from pathlib import Path

from helpers.short import SIZE


def test_the_report_shows_results_settings_data_pictures_and_environment(trained: Path) -> None:
    page = (trained / "training.html").read_text(encoding="utf-8")
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["report"] == str(trained / "training.html")
    assert page.count('src="data:image/') == 4  # the curve and three pictures
    assert not re.search(r'(src|href)="(?!data:)', page)
    text = re.sub(r"<[^>]*>", " ", page.split("<h1>")[1])
    for expected in (
        f"tiny at {SIZE}×{SIZE}",
        f"{100 * summary['best']['AP']:.1f} %",
        f"cpu in {summary['precision']}",
        "option epochs",
        "onedl-mmengine",
        "threads each",
        f"input_size = {SIZE}",
    ):
        assert expected in text
    heights = re.findall(r"<tr><td>\d+[–+]\d*<td>(\d+)<td>(\d+)</tr>", page)
    assert len(heights) == 8
    assert [sum(int(n) for n in column) for column in zip(*heights, strict=True)] == [
        summary["train_faces"],
        summary["val_faces"],
    ]
