"""Lines of other libraries' messages."""

import pytest

from facedet.common.errors import first_line, last_line


@pytest.mark.parametrize(
    ("error", "first", "last"),
    [
        (ValueError("unexpected keyword argument 'clipgrad'"), *["unexpected keyword argument 'clipgrad'"] * 2),
        (KeyError("no such key"), "no such key", "no such key"),
        (RuntimeError("\n  outer\n\ncause 'x'\n"), "outer", "cause 'x'"),
        (OSError(), "OSError", "OSError"),
        (KeyError(), "KeyError", "KeyError"),
        (ValueError("x" * 999), "x" * 160, "x" * 160),
    ],
)
def test_a_line_of_a_message(error: Exception, first: str, last: str) -> None:
    assert (first_line(error), last_line(error)) == (first, last)
