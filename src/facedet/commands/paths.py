"""Paths on the command line: what a verb reads and what it writes, declared with each option and checked by `Verb`."""

import inspect
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from facedet.common import outputs
from facedet.common.outputs import writing

_OVERWRITE = "facedet.overwrite"

Names = Sequence[str | Path] | Callable[[dict[str, Any]], Sequence[str | Path]]


class Input(click.Path):
    """A file or folder that is read.

    whole: all below a folder belongs to it, so nothing may be written there; if not, only its files are safe.
    """

    def __init__(self, *, whole: bool = False):
        super().__init__(path_type=Path)
        self.whole = whole

    def read(self, value: Any) -> list[Path]:
        """The files and folders that a value of the option stands for."""
        return [value]


FILE = Input()
DATASET = Input(whole=True)


class NameOrInput(Input):
    """The name of something, for example of a config, or a file."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value

    def read(self, value: Any) -> list[Path]:
        return [Path(value)] if Path(value).exists() else []


class OutputFile(click.Path):
    """A file that is written."""

    alone = False

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def written(self, value: Path, options: dict[str, Any]) -> outputs.Output:
        """What a value of the option stands for. options: the values of all parameters of the verb."""
        return outputs.Output(value)


class OutputModel(OutputFile):
    """A model that is written; an IR has its .bin beside it."""

    def written(self, value: Path, options: dict[str, Any]) -> outputs.Output:
        files = [value.name, value.with_suffix(".bin").name] if value.suffix == ".xml" else None
        return outputs.Output(value.parent, files) if files else outputs.Output(value)


class OutputFolder(OutputFile):
    """A folder into which files are written.

    names: of the files; a function gets the values of all parameters of the verb. Without, they cannot meet others.
    """

    def __init__(self, names: Names = ()) -> None:
        super().__init__()
        self.names = names

    def written(self, value: Path, options: dict[str, Any]) -> outputs.Output:
        names = self.names(options) if callable(self.names) else self.names
        return outputs.Output(value, names, self.alone)


class NewFolder(OutputFolder):
    """A folder that is empty or does not exist, and gets nothing but this."""

    alone = True


class Verb(click.Command):
    """A command that refuses paths by which it would harm something, before its work starts.

    Those that may replace files get the option --overwrite.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        if any(isinstance(each.type, OutputFile) and not each.type.alone for each in self.params):
            self.params.append(_overwrite(inspect.signature(self.callback).parameters if self.callback else ()))

    def invoke(self, ctx: click.Context) -> Any:
        verb = ctx.command_path.removeprefix(f"{ctx.find_root().command_path} ")
        with writing(verb, self._written(ctx), self._read(ctx), overwrite=ctx.meta.get(_OVERWRITE, False)):
            return super().invoke(ctx)

    def _written(self, ctx: click.Context) -> list[outputs.Output]:
        given = ((each.type, ctx.params[each.name or ""]) for each in self.params if isinstance(each.type, OutputFile))
        return [kind.written(value, ctx.params) for kind, value in given if value is not None]

    def _read(self, ctx: click.Context) -> list[outputs.Input]:
        kinds = [(each.type, each) for each in self.params if isinstance(each.type, Input)]
        return [
            outputs.Input(path, kind.whole)
            for kind, each in kinds
            for value in _values(each, ctx.params[each.name or ""])
            for path in kind.read(value)
        ]


def verb(name: str | None = None) -> Callable[[Callable], Verb]:
    """Make a command of a function. name: if it is not the function's."""
    return click.command(name, cls=Verb)


def _values(parameter: click.Parameter, value: Any) -> Iterable[Any]:
    several = parameter.nargs == -1 or parameter.multiple
    return value if several else () if value is None else (value,)


def _overwrite(wanted: Container[str]) -> click.Option:
    """The option. It is passed to a function that has such a parameter."""

    def keep(ctx: click.Context, option: click.Parameter, value: bool) -> bool:
        ctx.meta[_OVERWRITE] = value
        return value

    return click.Option(
        ["--overwrite"],
        is_flag=True,
        expose_value="overwrite" in wanted,
        callback=keep,
        help="Replace files that this command did not write, or that were changed since.",
    )
