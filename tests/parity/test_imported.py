"""A model that is imported and exported again agrees with the original file."""

from pathlib import Path

import pytest
from helpers.short import LEVELS

from facedet.export.export import export_model
from facedet.parity.check import check_parity


@pytest.mark.full
def test_an_imported_model_and_its_export_agree_with_the_original(
    imported: Path, unfolded: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    again = export_model(imported, tmp_path, ["fp32"])
    parity = check_parity([imported, again["fp32"]], unseen_images, reference=unfolded["fp32"])
    assert parity.agree, [pair.reasons for pair in parity.pairs]
    assert parity.pairs[1].difference.matched > 100
    assert [level.anchors for level in parity.pairs[1].levels] == LEVELS
