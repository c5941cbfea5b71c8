"""What someone may have put in the place of a file, at worst so that the user's own file is overwritten."""

import os
from collections.abc import Callable
from pathlib import Path

PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "link": lambda path, mine: path.symlink_to(mine),
    "hard link": lambda path, mine: path.hardlink_to(mine),
    "dangling link": lambda path, mine: path.symlink_to(mine.with_name("missing")),
    "folder": lambda path, mine: path.mkdir(),
    "pipe": lambda path, mine: os.mkfifo(path),
}  # each takes the place and the user's own file
