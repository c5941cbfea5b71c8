"""Weights & Biases and MLflow."""

import resource
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from helpers.formats import facedet
from helpers.stub_run import stub_config, stub_run

from facedet.common.errors import UserError
from facedet.train import finetune
from facedet.train.record.log import RunLog


class Recorder(ModuleType):
    """Stands for wandb: keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.__spec__ = SimpleNamespace(name="wandb")  # type: ignore[assignment]
        self.logged: list[dict] = []
        self.settings: dict = {}
        self.closed = False
        self.config = SimpleNamespace(update=lambda values, **_: None)
        self.run = SimpleNamespace(log_code=lambda **_: None)

    def init(self, **settings: object) -> None:
        self.settings = settings

    def log(self, values: dict, **_: object) -> None:
        self.logged.append(values)

    def join(self) -> None:
        self.closed = True


def test_a_logger_gets_losses_and_metrics(
    drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    sets = drawn / "train.json", drawn / "val.json"
    finetune(quick, *sets, work_dir=tmp_path / "mine", epochs=4, loggers=["wandb"])
    assert (wandb.settings["project"], wandb.settings["name"]) == ("facedet", "mine")
    names = {name for values in wandb.logged for name in values}
    assert {"loss", "loss_cls", "lr", "AP", "AP50"} <= names
    assert wandb.closed


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_logger_ends_in_one_line_with_the_command_that_installs_it(
    name: str, drawn: Path, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facedet.train.options.find_spec", lambda _: None)
    sets = ["--train", drawn / "train.json", "--val", drawn / "val.json", "--work-dir", tmp_path / "run"]
    done = facedet("train", quick, *sets, "--logger", name)
    assert done.exit_code == 2
    assert done.output == f"facedet: --logger {name}: is not installed; run `pip install {name}`\n"
    assert not (tmp_path / "run").exists()


def test_an_unknown_logger_is_refused(drawn: Path, quick: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--logger neptune: give wandb or mlflow"):
        finetune(quick, drawn, drawn, work_dir=tmp_path, loggers=["neptune"])


@pytest.mark.parametrize("write", ["line", "scalars", "failure"])
def test_a_full_disk_ends_in_one_line(write: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    largest = resource.getrlimit(resource.RLIMIT_FSIZE)
    log, error = RunLog(stub_run(stub_config()), tmp_path, ()), ValueError("x" * 100)
    writers = {
        "line": lambda number: log.line("a line of the log"),
        "scalars": lambda number: log.scalars({"loss": 1.0}, number),
        "failure": lambda number: log.failure(error),
    }

    def write_until_it_fails() -> None:
        for number in range(100_000):
            writers[write](number)

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, largest[1]))
    try:
        with pytest.raises(UserError, match=r"the log cannot be written \(File too large\)$"):
            write_until_it_fails()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, largest)
        with suppress(UserError):
            log.close()
    assert capfd.readouterr() == ("", "")
