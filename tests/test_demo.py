"""The demo: what it writes, with a training run and exports of others."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from facedet import demo
from facedet.common.errors import UserError
from facedet.common.progress import silent


def test_the_demo_leaves_what_it_says(
    trained: Path,
    exported: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """test_docs.py trains and exports, too."""

    def finetune(config: str, train: Path, val: Path, *, work_dir: Path, **_: Any) -> SimpleNamespace:
        counts = [len(json.loads(path.read_text())["images"]) for path in (train, val)]
        assert (config, counts) == ("tiny", [4, 2])
        work_dir.mkdir()
        return SimpleNamespace(**json.loads((trained / "summary.json").read_text()))

    def export_model(checkpoint: Path, folder: Path, formats: list[str], *_: Any) -> dict[str, Path]:
        assert (checkpoint.name, folder, formats) == ("best.pth", tmp_path / "model", ["onnx", "fp32"])
        shutil.copytree(exported["fp32"].parent, folder)
        return {name: folder / exported[name].name for name in formats}

    monkeypatch.setattr(demo, "finetune", finetune)
    monkeypatch.setattr(demo, "export_model", export_model)
    demo.run(tmp_path, None, silent, images=(4, 2, 3))
    printed = capsys.readouterr().out
    assert "agrees" in printed
    named = [Path(line.split()[0]) for line in printed.split("Look at\n")[1].splitlines()]
    assert len(named) == 4
    assert all(path.stat().st_size > 10_000 for path in named)
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
    with pytest.raises(UserError, match="is not an empty folder"):
        demo.run(tmp_path, None, silent)
