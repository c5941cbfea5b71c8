"""The one kind of error that a user can cause and mend."""


class UserError(Exception):
    """Something the user gave does not work: the message is one line that says what, where and what to do."""


def first_line(error: BaseException) -> str:
    """What an error says first, to stand within one line of ours."""
    return _lines(error)[0]


def last_line(error: BaseException) -> str:
    """What an error says last: where libraries written in C++ put the cause."""
    return _lines(error)[-1]


def _lines(error: BaseException) -> list[str]:
    lines = [line.strip()[:160] for line in str(error).strip("'\"").splitlines() if line.strip()]
    return lines or [type(error).__name__]
