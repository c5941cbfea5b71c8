"""The error that a user can cause and fix."""

import unicodedata
from pathlib import Path

_CONTROL = ("Cc", "Zl", "Zp", "Cs")  # Unicode categories: control, ends of lines, what is no character


class UserError(Exception):
    """An input or a setting from the user does not work. The message is one line: where, what is wrong, what to do."""

    exit_code = 2  # of the command line

    def __init__(self, message: str):
        super().__init__(one_line(message))

    def without(self, file: Path) -> str:
        """The message without the file that it begins with."""
        return str(self).removeprefix(one_line(f"{file}: "))


def one_line(text: str) -> str:
    """The text with escapes for control characters and ends of lines: a file name may hold them, and a terminal would
    obey them."""
    if text.isprintable():
        return text
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in _CONTROL else c for c in text)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for use within a one-line message."""
    return _lines(error)[0]


def last_line(error: BaseException) -> str:
    """The last line of an error's message: C++ libraries put the cause there."""
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)  # Python quotes a key
    lines = [one_line(line.strip())[:160] for line in text.splitlines() if line.strip()]
    return lines or [type(error).__name__]
