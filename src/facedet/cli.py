"""The command line: the group of commands and how errors end. The commands are in commands/."""

import errno
import io
import os
import shlex
import sys
import traceback
from typing import Any, NoReturn

import click

from facedet.commands.data import data
from facedet.commands.export import export, parity
from facedet.commands.measure import benchmark, compare, evaluate, reproduce
from facedet.commands.quantize import quantize
from facedet.commands.train import train
from facedet.commands.use import card, demo, detect, info
from facedet.commands.weights import fetch, import_
from facedet.common.errors import UserError, one_line
from facedet.common.extras import require_train
from facedet.common.machine import check_address_space
from facedet.common.report_facts import called_as

_NEED_TRAIN = {"demo", "export", "import", "quantize", "train"}  # verbs that need the extra `train`
_NO_MEMORY = ("failed to map segment", "annot allocate memory", "can't start new thread")  # in messages of the system
_FULL = (errno.ENOSPC, errno.EDQUOT)  # the disk is full, or the user's quota is used up


class _Commands(click.Group):
    """Reports an error that the user can fix in one line, with exit code 2. Others end in their traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the workflow, not of the alphabet

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in _NEED_TRAIN and not set(rest) & set(ctx.help_option_names):
            require_train(name)
        return name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        command = shlex.join([ctx.command_path, *args])
        rest = super().parse_args(ctx, args)
        ctx.with_resource(called_as(command))
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal may not have every letter of a file name
                stream.reconfigure(errors="backslashreplace")
        try:
            check_address_space()
            return super().invoke(ctx)
        except UserError as error:
            _end(str(error), error.exit_code)
        except (MemoryError, ImportError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in _NO_MEMORY):
                raise
            _end("not enough memory; give the process more of it, or less to do", 2)
        except OSError as error:
            if not error.filename and error.errno not in _FULL:
                raise
            _end(f"{error.filename or 'output'}: {error.strerror or error}", 2)
        except EOFError as error:  # click would take it for the user's end of input
            raise RuntimeError("a file ended too early") from error
        except KeyboardInterrupt:
            click.echo("\nfacedet: stopped", err=True)
            sys.exit(130)


def _end(line: str, exit_code: int) -> NoReturn:
    if os.environ.get("FACEDET_TRACEBACK"):
        traceback.print_exc()
    click.echo(f"facedet: {one_line(line)}", err=True)
    sys.exit(exit_code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="face-detection-0206", prog_name="facedet")
def main() -> None:
    """The open, retrainable, verifiable face detector for OpenVINO."""


_COMMANDS = (
    *(demo, data, fetch, import_, train, export, quantize, parity),
    *(evaluate, compare, reproduce, benchmark, detect, info, card),
)
for _command in _COMMANDS:
    main.add_command(_command)
