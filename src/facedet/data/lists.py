"""Lists of image names: a text file with one name on each line."""

import unicodedata
from pathlib import Path, PurePosixPath

from facedet.common.errors import UserError
from facedet.data.formats.parsing import encoding_of
from facedet.data.names import parts_of
from facedet.data.storage import opened

_UNLISTED = ("Cc", "Zl", "Zp")  # Unicode categories: control characters, ends of lines


def read_list(path: Path) -> list[str]:
    """The names in a list. A name that is not UTF-8 is as Python has it as a file name. Raises UserError."""
    try:
        with opened(path) as file:
            content = file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read as a list of names ({error.strerror or error})") from error
    encoding = encoding_of(content)
    if encoding != "utf-16" and b"\0" in content:
        raise UserError(f"{path}: cannot be read as a list of names (it is not UTF-8; save it as UTF-8)")
    text = content.decode(encoding, "replace" if encoding == "utf-16" else "surrogateescape")
    return [line.strip() for line in text.splitlines() if line.strip()]


def can_be_listed(name: str) -> bool:
    """Whether a list can hold a name: as one line, from which the same name is read."""
    plain = name == name.strip("\ufeff").strip() and not any(unicodedata.category(c) in _UNLISTED for c in name)
    return plain and parts_of(name) == PurePosixPath(name).parts
