"""The report of a parity check: parity.json and parity.html."""

import json
from pathlib import Path

from facedet.parity.check import check_parity
from facedet.parity.parity_report import write_parity


def test_the_report_has_figures_and_images(
    trained: Path, exported: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    parity = check_parity([trained / "best.pth", exported["onnx"], exported["fp32"]], unseen_images)
    page = write_parity(parity, tmp_path / "report").read_text()
    content = json.loads((tmp_path / "report" / "parity.json").read_text())
    assert content["agree"] is True
    assert [pair["model"] for pair in content["pairs"]] == [str(exported["onnx"]), str(exported["fp32"])]
    unmatched = [pair.difference.only_first + pair.difference.only_second for pair in parity.pairs]
    assert [(pair["verdict"], pair["unmatched"]) for pair in content["pairs"]] == [("agrees", n) for n in unmatched]
    assert content["pairs"][0]["difference"]["matched"] == parity.pairs[0].difference.matched
    assert "All models agree" in page
    assert page.count("data:image/jpeg;base64,") == 2 * 6
    assert "http" not in page.replace("http-equiv", "")  # the page loads nothing from the network
