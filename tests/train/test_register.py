"""How mmengine reads local checkpoints."""

from pathlib import Path

from facedet.core.weights.checkpoint import read_torch_file, write_torch_file


def test_a_resumed_checkpoint_cannot_contain_code(trained: Path, tmp_path: Path) -> None:
    from facedet.core.train.register import load_from_local

    content = read_torch_file(trained / "last.pth")
    content["meta"]["config"] = f"open({str(tmp_path / 'ran')!r}, 'w')"  # mmengine would execute it
    write_torch_file(content, tmp_path / "last.pth")
    assert "config" not in load_from_local(str(tmp_path / "last.pth"))["meta"]
