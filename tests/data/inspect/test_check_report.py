"""check.json and check.html contain the findings."""

import json
from pathlib import Path

from helpers.datasets import add_problems, clean_dataset

from facedet.data.inspect.check import check_dataset
from facedet.data.inspect.check_report import write_check


def test_the_page_and_the_json_contain_the_findings(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path / "set")
    expected = add_problems(builder)
    for k in range(30):
        builder.annotate(f"missing-{k}.png")
    result = check_dataset(builder.save(), 640)
    page = write_check(result, tmp_path / "out").read_text()
    content = json.loads((tmp_path / "out" / "check.json").read_text())
    assert len(content["findings"]) == len(result.findings)
    assert content["hurts"] is True
    assert content["kinds"]["picture"]["findings"] == 31
    assert [f["boxes"] for f in content["findings"] if f["kind"] == "nan"] == [[[1.7e308, 10, None, 50]]]
    for kind in expected:
        assert f'id="{kind}"' in page
    assert page.count("<img ") == len(expected) - 2  # one each, but none of a missing image or an annotation
    assert "and 7 more" in page
    assert "http" not in page
