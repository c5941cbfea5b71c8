"""The commands `facedet data check` and `split`."""

import json
from pathlib import Path

from click.testing import CliRunner
from helpers.datasets import add_problems, clean_dataset

from facedet.cli import main
from facedet.detector.config import load_config


def test_check_prints_writes_and_exits_according_to_its_findings(tmp_path: Path) -> None:
    builder = clean_dataset(tmp_path / "set")
    good = builder.save().path
    done = CliRunner().invoke(main, ["data", "check", str(good)])
    assert (done.exit_code, "nothing would harm training" in done.output) == (0, True), done.output
    add_problems(builder)
    bad = builder.save().path
    arguments = ["data", "check", str(bad), "--report", str(tmp_path / "out"), "--json", str(tmp_path / "c.json")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert "gone.png: no such file; searched in " in done.output
    assert (tmp_path / "c.json").read_bytes() == (tmp_path / "out" / "check.json").read_bytes()
    done = CliRunner().invoke(main, ["data", "check", str(tmp_path / "none.json")])
    assert done.exit_code == 2


def test_check_measures_at_the_released_input_size_unless_another_is_given(tmp_path: Path) -> None:
    dataset = str(clean_dataset(tmp_path / "set").save().path)
    file = tmp_path / "check.json"
    for options, expected in (([], load_config("face_detection_0206").input_size), (["--input-size", "320"], 320)):
        done = CliRunner().invoke(main, ["data", "check", dataset, "--json", str(file), *options])
        assert done.exit_code == 0, done.output
        assert json.loads(file.read_text())["input_size"] == expected


def test_split_writes_lists_and_refuses_an_invalid_share(tmp_path: Path) -> None:
    path = str(clean_dataset(tmp_path / "set").save().path)
    done = CliRunner().invoke(main, ["data", "split", path, "--val", "0.25", "-o", str(tmp_path / "lists")])
    assert done.exit_code == 0, done.output
    assert done.output.count("wrote") == 2
    done = CliRunner().invoke(main, ["data", "split", path, "--val", "1.5", "-o", str(tmp_path / "more")])
    assert (done.exit_code, "between 0 and 1" in done.stderr) == (2, True)
