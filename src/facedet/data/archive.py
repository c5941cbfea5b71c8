"""Read a zip in place: nothing is unpacked, so nothing is left behind."""

import io
import lzma
import os
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import IO, Any
from unicodedata import normalize
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from facedet.common.errors import UserError, first_line
from facedet.data.names import parts_of

MOST_MEMBERS = 500_000
MOST_BYTES = 1 << 30  # of one member, unpacked
# raised while a member is read
_DAMAGED = (BadZipFile, LargeZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
_ENCRYPTED, _UTF8 = 1, 1 << 11  # bits of a member's flags


class Archive:
    """The files of a zip. Their names are those of the zip with `/` between the parts.

    Raises UserError for a file that is no zip, or that holds encrypted files, names that lead out of it, two files of
    one name, a file of more than `MOST_BYTES`, or more than `MOST_MEMBERS`.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._zip = ZipFile(path)
            members = [each for each in self._zip.infolist() if not each.is_dir()]
        except (OSError, ValueError, *_DAMAGED) as error:
            raise UserError(f"{path}: not a zip that can be read ({first_line(error)})") from error
        if len(members) > MOST_MEMBERS:
            raise UserError(f"{path}: holds {len(members)} files, more than {MOST_MEMBERS}; unpack it")
        self.files: dict[str, ZipInfo] = {}
        self.folders: dict[str, set[str]] = defaultdict(set)
        self.folders[""] = set()
        for member in members:
            self._add(member)

    def open(self, name: str) -> io.BufferedReader:
        """A file of the zip, to read. Raises KeyError if there is none of this name, OSError if it is damaged."""
        with _as_os_error():
            return io.BufferedReader(_Member(self._zip.open(self.files[name])))

    def _add(self, member: ZipInfo) -> None:
        name = self._checked(member)
        self.files[name] = member
        for folder in PurePosixPath(name).parents:
            inside = "" if folder.name == "" else folder.as_posix()
            self.folders[inside].add(name)
            name = inside

    def _checked(self, member: ZipInfo) -> str:
        """The name of a member. Raises UserError if it cannot be used."""
        parts = parts_of(_decoded(member))
        name = normalize("NFC", "/".join(parts))
        reason = None
        if ".." in parts or not parts:
            reason = "its name leads out of the zip"
        elif name in self.files:
            reason = "two files have this name"
        elif member.flag_bits & _ENCRYPTED:
            reason = "it is encrypted"
        elif member.file_size > MOST_BYTES:
            reason = f"it is larger than {MOST_BYTES >> 30} GiB"
        if reason:
            raise UserError(f"{self.path}: holds {member.filename!r}, but {reason}; unpack it")
        return name


def _decoded(member: ZipInfo) -> str:
    """The name of a member: some tools write UTF-8 without saying so."""
    if not member.flag_bits & _UTF8:
        with suppress(UnicodeError):
            return member.filename.encode("cp437").decode("utf-8")
    return member.filename


class _Member(io.RawIOBase):
    """A file of a zip whose damage is an OSError, as that of any other file."""

    def __init__(self, stream: IO[bytes]):
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _as_os_error():
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _as_os_error():
            return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise OSError(f"damaged in its zip ({first_line(error)})") from error


def archive_of(path: Path | str) -> tuple[Archive, str] | None:
    """The zip that a path leads into, and the name in it, "" for the zip itself; None for any other path.

    Raises UserError for a file that ends in .zip and cannot be read as one.
    """
    if ".zip" not in str(path).lower():
        return None
    path = Path(path)
    for zip_path in (path, *path.parents):
        if zip_path.suffix.lower() == ".zip" and os.path.isfile(zip_path):
            facts = zip_path.stat()
            # a process that was forked shares the place in an open file with its parent
            archive = _opened(zip_path, facts.st_mtime_ns, facts.st_size, os.getpid())
            name = normpath(path.relative_to(zip_path).as_posix())
            return archive, "" if name == "." else normalize("NFC", name)
    return None


@lru_cache(maxsize=8)
def _opened(path: Path, modified: int, size: int, process: int) -> Archive:
    return Archive(path)
