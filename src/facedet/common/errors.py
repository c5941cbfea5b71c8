"""The error that a user can cause and fix."""


class UserError(Exception):
    """An input or a setting from the user does not work. The message is one line: where, what is wrong, what to do."""

    exit_code = 2  # of the command line


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for use within a one-line message."""
    return _lines(error)[0]


def last_line(error: BaseException) -> str:
    """The last line of an error's message: C++ libraries put the cause there."""
    return _lines(error)[-1]


def printable(text: str) -> str:
    """A text from a file of anybody in one line, without codes that a terminal would obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _lines(error: BaseException) -> list[str]:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)  # Python quotes a key
    lines = [printable(line.strip())[:160] for line in text.splitlines() if line.strip()]
    return lines or [type(error).__name__]
