"""Which files a verb wrote: each folder that holds some has a manifest, a line of JSON for each file written.

A file is a verb's own while its content is what a line of its folder's manifest says; one that was changed, replaced or
moved there is the user's. The line is written before the file gets its name, so that a kill leaves no doubt.
"""

import hashlib
import json
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facedet.common.errors import UserError

MANIFEST = ".facedet.jsonl"
_claimed: dict[Path, tuple[str, set[str]]] = {}  # files that are written now: the verb, and its folder's manifest


@contextmanager
def claimed(verb: str, files: Iterable[Path]) -> Iterator[None]:
    """Within the block, `record` notes these files as the verb's. Those of an outer block stay with that one."""
    new = {place(file) for file in files} - _claimed.keys()
    lines = _manifests(new)
    _claimed.update({file: (verb, lines[file.parent]) for file in new})
    try:
        yield
    finally:
        for file in new:
            del _claimed[file]


def is_claimed(file: Path) -> bool:
    """Whether this runs in a block of `claimed` with this file."""
    return place(file) in _claimed


def record(file: Path, written: Path) -> None:
    """Note what a file will hold, if it is claimed. written: its content, under a temporary name. Raises OSError."""
    file = place(file)
    verb, lines = _claimed.get(file, ("", set[str]()))
    if verb and (line := _line(verb, file, written)) not in lines:
        lines.add(line)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with open(os.open(file.parent / MANIFEST, flags, 0o666), "w", encoding="ascii") as manifest:
            manifest.write(f"{line}\n")  # in one call: lines of two processes do not mix


def others(verb: str, files: Iterable[Path]) -> Iterator[Path]:
    """Those of the files that exist and that the verb did not write, or that were changed since. Raises OSError."""
    existing = {place(file): file for file in files if os.path.lexists(file)}
    lines = _manifests(existing)
    for at, file in existing.items():
        if not stat.S_ISREG(os.lstat(at).st_mode) or _line(verb, at, at) not in lines[at.parent]:
            yield file


def place(file: Path) -> Path:
    """Where a file is or would be: links of its folder are resolved, but not the file, which would be replaced."""
    return Path(os.path.realpath(file.parent)) / file.name


def _line(verb: str, file: Path, content: Path) -> str:
    with content.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return json.dumps({"file": file.name, "verb": verb, "sha256": digest})


def _manifests(files: Collection[Path]) -> dict[Path, set[str]]:
    """The lines of the manifest of each folder. Raises UserError for a manifest that is no file."""
    return {folder: _lines(folder / MANIFEST) for folder in {file.parent for file in files}}


def _lines(manifest: Path) -> set[str]:
    if not os.path.lexists(manifest):
        return set()
    if not stat.S_ISREG(os.lstat(manifest).st_mode):
        raise UserError(f"{manifest}: is not a file; remove it: facedet notes there what it wrote")
    return set(manifest.read_text(encoding="ascii", errors="replace").splitlines())
