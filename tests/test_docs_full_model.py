"""The commands of the README and of the docs that begin with the published model work, with its stand-in."""

import json
from pathlib import Path

import pytest
from helpers.markdown import FULL_MODEL, ONE_EPOCH, PAGES, README, Block, blocks, link_some, run

pytestmark = pytest.mark.full


@pytest.fixture(scope="session")
def published(faces: Path, standin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the README's commands from the published IR have been run: three images, one epoch."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "published").symlink_to(standin)
    link_some(faces, folder / "faces", train=2, val=1)
    (block,) = blocks(README, "From the published IR to your own")
    assert block.text.startswith("facedet fetch ir-fp32")  # the stand-in takes the place of the download
    printed = run(Block("sh", "", block.text.split("\n", 1)[1]), folder, f"{ONE_EPOCH} --batch-size 1")
    assert "running statistics of 3 images" in printed
    return folder


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem in FULL_MODEL], ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_with_the_full_model(page: Path, published: Path) -> None:
    for block in blocks(page):
        if block.info != "download":
            run(block, published)


def test_from_the_published_ir_to_your_own(published: Path) -> None:
    summary = json.loads((published / "runs" / "mine" / "summary.json").read_text())
    assert summary["started_from"] == "all weights of imported.pth"
    assert summary["last_loss"] < 1.2 * summary["first_loss"]
    assert json.loads((published / "mine" / "parity" / "parity.json").read_text())["agree"] is True
