"""Every verb with every output onto every input, another output, and files of the user's: nothing of theirs changes.

The work of a verb is replaced: it writes every output that the verb declares, and nothing else. What the verbs really
write is compared with that in tests/commands/test_paths.py. A new verb or option is attacked as soon as it is there.
"""

import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from helpers.attack import Counts
from helpers.click_tree import commands

from facedet.cli import main
from facedet.commands.paths import Input, NewFolder, OutputFile, OutputFolder
from facedet.common.errors import UserError
from facedet.common.files import write_text
from facedet.export.targets import FORMATS, file_names
from facedet.train.files import WRITTEN

AN_INPUT = ("an input", "a link to an input", "a hard link to an input", "an input, by a linked folder")
A_FOLDER = "a file in an input folder"
ANOTHER = "the other output"
ANYTHING = ("nothing", "a file", "a link to a file", "a link to nothing", "a folder", "a pipe", "below a file")
NAMES = {"detect": ["photo.png", "detections.json"], "export": file_names(FORMATS), "train": WRITTEN}  # in folders
WORDS = {"name": "ir-fp32", "to": "coco", "share": "0.5"}  # of required parameters that hold no path


@dataclass(frozen=True)
class Sample:
    """A verb, one of the files that one of its outputs stands for, and what is already in the place of this file.

    other: the input or output that is there.
    """

    verb: tuple[str, ...]
    command: click.Command
    output: click.Parameter
    name: str
    onto: str
    other: click.Parameter | None = None
    overwrite: bool = False

    def __str__(self) -> str:
        words = [*self.verb, *(["--overwrite"] if self.overwrite else []), f"{self.output.name} at {self.name}"]
        return f"{' '.join(words)} onto {self.onto} ({self.other.name if self.other else ''})"

    @property
    def is_harmless(self) -> bool:
        """Whether the verb should do its work."""
        agreed = self.overwrite and self.onto in ("a file", "a link to a file", "a link to nothing")
        return self.onto == "nothing" or (agreed and not isinstance(self.output.type, NewFolder))


def samples() -> Iterator[Sample]:
    """All of them."""
    for verb, command in commands():
        inputs = [each for each in command.params if isinstance(each.type, Input)]
        outputs = [each for each in command.params if isinstance(each.type, OutputFile)]
        overwrites = [False, True] if any(each.name == "overwrite" for each in command.params) else [False]
        for output in outputs:
            for name in names_of(output, verb):
                onto = [(each, None) for each in ANYTHING]
                onto += [(each, other) for each in (*AN_INPUT, A_FOLDER) for other in inputs]
                onto += [(ANOTHER, other) for other in outputs if other is not output]
                for each in onto:
                    yield from (Sample(verb, command, output, name, *each, overwrite) for overwrite in overwrites)
            if not names_of(output, verb):  # nothing that it writes can be there
                yield from (Sample(verb, command, output, "x", onto) for onto in ("nothing", "below a file"))


def names_of(output: click.Parameter, verb: tuple[str, ...]) -> list[str]:
    """The names of the files in an output folder; any for one that must be empty, and for a single file."""
    kind = output.type
    if isinstance(kind, NewFolder) or not isinstance(kind, OutputFolder):
        return ["any.pth"]
    return list(NAMES[verb[0]] if callable(kind.names) else kind.names)


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces the work of every verb. Returns the verbs that have done it."""
    done: list[str] = []

    def work(**_: Any) -> None:
        context = click.get_current_context()
        done.append(context.command_path)
        for each in context.command.params:
            value = context.params.get(each.name or "")
            if isinstance(each.type, OutputFile) and value is not None:
                output = each.type.written(value, context.params)
                for file in [value / "any.pth"] if output.alone else output.files:
                    write_text(file, "written")

    for _, command in commands():
        monkeypatch.setattr(command, "callback", work)
    return done


def test_collisions(share: float, counts: Counts, tmp_path: Path, worked: list[str]) -> None:
    everything = list(samples())
    for k, sample in enumerate(random.Random(18).sample(everything, round(share * len(everything)))):
        with counts.sample(str(sample)):
            attack(sample, tmp_path / str(k), worked)
        shutil.rmtree(tmp_path / str(k))


def attack(sample: Sample, folder: Path, worked: list[str]) -> None:
    """Start the verb. Raises UserError if it refuses, AssertionError if it harms something or refuses needlessly."""
    worked.clear()
    file, line = prepare(sample, folder)
    before = state(folder)
    done = CliRunner().invoke(main, line)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    after = state(folder)
    allowed = {file} if sample.is_harmless and sample.overwrite else set[Path]()
    changed = {path for path in before if path not in allowed and after.get(path) != before[path]}
    assert not changed, f"{line} changed {changed}"
    assert bool(worked) == sample.is_harmless, f"{line} should not end so: {done.output}"
    if not worked:
        assert done.exit_code == 2
        assert set(after) == set(before), f"{line} left {set(after) - set(before)}"
        raise UserError(done.stderr.removesuffix("\n"))


def prepare(sample: Sample, folder: Path) -> tuple[Path, list[str]]:
    """Put everything into its place. Returns the file that the sample is about, and the command line."""
    file = folder / "out" / sample.name
    values = {each.name: value(each, folder) for each in sample.command.params if is_given(each, sample)}
    values[sample.output.name] = file.parent if isinstance(sample.output.type, OutputFolder) else file
    (folder / "in").mkdir(parents=True)
    if sample.onto != "below a file":
        file.parent.mkdir(parents=True)
    if sample.other and sample.onto == A_FOLDER:
        values[sample.other.name] = file.parent
        file.write_text("read")
    elif sample.other and sample.onto in (AN_INPUT[0], AN_INPUT[3]):
        values[sample.other.name] = file.with_suffix(".xml") if file.suffix == ".bin" else file
        file.write_text("read")
    elif sample.onto == ANOTHER and sample.other:
        values[sample.other.name] = file
    for each in sample.command.params:
        path = values.get(each.name)
        if isinstance(each.type, Input) and isinstance(path, Path) and not path.exists():
            path.write_text("read")
    if sample.other and sample.onto in AN_INPUT[1:3]:
        put = file.symlink_to if sample.onto == AN_INPUT[1] else file.hardlink_to
        put(Path(str(values[sample.other.name])))
    if sample.onto == AN_INPUT[3]:
        (folder / "linked").symlink_to("out")
        linked = folder / "linked"
        values[sample.output.name] = linked if isinstance(sample.output.type, OutputFolder) else linked / file.name
    put_something(sample.onto, file, folder)
    return file, [*sample.verb, *arguments(sample, values)]


def is_given(parameter: click.Parameter, sample: Sample) -> bool:
    """Whether the command line has this parameter."""
    kind = parameter.type
    return parameter.required or parameter is sample.other or isinstance(kind, OutputFile)


def value(parameter: click.Parameter, folder: Path) -> Path | str:
    """A value with which nothing meets."""
    name = parameter.name or ""
    if isinstance(parameter.type, Input):
        return folder / "in" / ("photo.png" if name == "images" else name)
    return folder / f"other-{name}" if isinstance(parameter.type, OutputFile) else WORDS[name]


def put_something(onto: str, file: Path, folder: Path) -> None:
    """Put what belongs to no input into the place of a file."""
    if onto == "a file":
        file.write_text("mine")
    elif onto == "a link to a file":
        (folder / "mine").write_text("mine")
        file.symlink_to(folder / "mine")
    elif onto == "a link to nothing":
        file.symlink_to("gone")
    elif onto == "a folder":
        file.mkdir()
        (file / "mine").write_text("mine")
    elif onto == "a pipe":
        os.mkfifo(file)
    elif onto == "below a file":
        file.parent.write_text("mine")


def arguments(sample: Sample, values: dict[str | None, Any]) -> Iterator[str]:
    for each in sample.command.params:
        if each.name in values:
            yield from ([each.opts[0]] if isinstance(each, click.Option) else [])
            yield str(values[each.name])
    if sample.overwrite:
        yield "--overwrite"


def state(folder: Path) -> dict[Path, str]:
    """What is where: links, contents of files, and all else."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[path] = f"link to {path.readlink()}"
        elif path.is_file():
            found[path] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[path] = "other"
    return found
