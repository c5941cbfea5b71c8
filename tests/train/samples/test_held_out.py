"""Images that are held out for validation where no dataset is given."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.train.options import TrainingOptions
from facedet.train.samples.held_out import tried_validation, with_validation


def names(source: object) -> set[str]:
    assert isinstance(source, DatasetSource)
    return {photo.path.name for photo in read_dataset(source).photos}


def test_a_share_of_the_images_is_held_out_and_resumed(drawn: Path, tmp_path: Path) -> None:
    given = TrainingOptions("tiny", drawn / "train.json", 0.25, work_dir=tmp_path)
    options = with_validation(given, tmp_path, resume=False)
    train, val = names(options.train), names(options.val)
    assert (len(train), len(val)) == (18, 6)
    assert not train & val
    again = with_validation(given, tmp_path, resume=False)  # a start that wrote no checkpoint
    assert names(again.val) == val
    assert names(with_validation(given, tmp_path, resume=True).val) == val


def test_a_list_of_the_users_is_not_replaced(drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("mine")
    with pytest.raises(UserError, match=r"val\.txt: already exists and lists other images"):
        with_validation(TrainingOptions("tiny", drawn / "train.json", work_dir=tmp_path), tmp_path, resume=False)
    assert (tmp_path / "val.txt").read_text() == "mine"


def test_lists_that_are_missing_are_not_drawn_again(drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.txt: no such file; the run held out images"):
        with_validation(TrainingOptions("tiny", drawn / "train.json", work_dir=tmp_path), tmp_path, resume=True)


def test_several_datasets_need_one_to_validate_on(drawn: Path, tmp_path: Path) -> None:
    options = TrainingOptions("tiny", [drawn / "train.json", drawn / "val.json"], work_dir=tmp_path)
    with pytest.raises(UserError, match="2 datasets to train on, and none to validate on; give one with --val"):
        with_validation(options, tmp_path, resume=False)


def test_the_val_of_a_data_yaml_is_used(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "images" / split).mkdir(parents=True)
        (tmp_path / "labels" / split).mkdir(parents=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "images" / split / f"{split}.png")
        (tmp_path / "labels" / split / f"{split}.txt").write_text("0 0.5 0.5 0.4 0.4")
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [face]\n")
    given = TrainingOptions("tiny", tmp_path / "data.yaml", work_dir=tmp_path)
    assert names(with_validation(given, tmp_path, resume=False).val) == {"val.png"}
    assert not (tmp_path / "val.txt").exists()


def test_a_dry_run_leaves_no_lists(drawn: Path, tmp_path: Path) -> None:
    with tried_validation(TrainingOptions("tiny", drawn / "train.json", work_dir=tmp_path)) as options:
        assert len(names(options.val)) == 5
    assert not list(tmp_path.iterdir())


def test_a_run_without_a_validation_dataset_says_what_it_holds_out(drawn: Path, narrow: Path, tmp_path: Path) -> None:
    command = ["train", narrow, "--train", drawn / "train.json", "--work-dir", tmp_path / "run", "--epochs", "1"]
    done = CliRunner().invoke(main, [*map(str, command), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    held_out = f"5 of 24 images are held out, listed in {tmp_path / 'run' / 'val.txt'}"
    assert f"no dataset to validate on: {held_out}" in done.output
    assert "training on 19 images" in done.output
    assert "validating on 5 images" in done.output
