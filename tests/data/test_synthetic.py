"""The drawn dataset."""

from pathlib import Path

from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.synthetic import draw_dataset


def test_the_same_seed_draws_the_same_dataset(tmp_path: Path) -> None:
    for name in ("one", "two"):
        draw_dataset(tmp_path / name, 4, seed=5, name="set")
    first, second = (sorted((tmp_path / n).rglob("*.*")) for n in ("one", "two"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert read_dataset(DatasetSource(tmp_path / "one" / "set.json")).faces > 0
