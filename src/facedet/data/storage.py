"""The files of a dataset, in folders or in a zip. A file in a zip has the path of the zip and its name in it."""

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.manifest import MANIFEST
from facedet.common.unfinished import is_unfinished
from facedet.data.archive import Archive, archive_of

_SYSTEM = (MANIFEST, "__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")  # what is put next to the files of people
_RESOURCE = "._"  # begins the files that macOS puts next to others
_SYSTEM_FOLDERS = ("@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found")  # hold copies


def is_file(path: Path | str) -> bool:
    """Whether there is a file; a zip counts as a folder."""
    if found := archive_of(path):
        archive, name = found
        return name in archive.files
    return os.path.isfile(path)


def is_dir(path: Path) -> bool:
    """Whether there is a folder, or a zip."""
    if found := archive_of(path):
        archive, name = found
        return name in archive.folders
    return os.path.isdir(path)


def exists(path: Path) -> bool:
    """Whether there is a file or folder."""
    return is_file(path) or is_dir(path)


def opened(path: Path) -> BufferedReader:
    """Open a file to read its bytes. Raises OSError, also for what is no regular file: a pipe or a device can block."""
    if found := archive_of(path):
        archive, name = found
        if name not in archive.files:
            raise FileNotFoundError(f"no such file: {path}")
        return archive.open(name)
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except ValueError as error:
        raise FileNotFoundError(f"no file can have this name: {path}") from error
    if not regular:
        raise OSError("not a file")
    return open(path, "rb", opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # another process may have put a pipe there


def beginning_of(path: Path, size: int) -> bytes:
    """The first bytes of a file. Raises UserError."""
    try:
        with opened(path) as file:
            return file.read(size)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def identity(path: Path) -> tuple:
    """What is equal for two paths of the same file, and differs once the file has changed. Raises OSError."""
    if found := archive_of(path):
        archive, name = found
        facts = archive.path.stat()
        return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size, name
    facts = path.stat()
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size, ""


def size_of(path: Path) -> int:
    """Bytes of a file. Raises OSError."""
    if found := archive_of(path):
        archive, name = found
        return archive.files[name].file_size
    return path.stat().st_size


def digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits. Raises OSError."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path, *, nested: bool = True) -> list[Path]:
    """The files of a folder and, unless `nested` is false, of the folders in it, sorted by path.

    Links are followed, each folder is listed once. Hidden folders, and what systems add by themselves, are not listed.
    Raises UserError for a folder that cannot be read.
    """
    if found := archive_of(folder):
        paths = map(found[0].path.__truediv__, _names_in(*found, nested))
        return sorted(path for path in paths if not _is_of_system(path))
    return sorted(_walk(folder, nested)) if os.path.isdir(folder) else []


def folders_in(folder: Path) -> list[Path]:
    """The folders that lie in a folder, sorted by name; also those that links lead to."""
    if found := archive_of(folder):
        archive, inside = found
        there = (archive.path / name for name in archive.folders.get(inside, ()) if name in archive.folders)
        return sorted(path for path in there if not _is_folder_of_system(path))
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _is_folder_of_system(path))


def _names_in(archive: Archive, folder: str, nested: bool) -> Iterator[str]:
    """The files in a folder of a zip."""
    for name in archive.folders.get(folder, ()):
        if name in archive.files:
            yield name
        elif nested and not _is_folder_of_system(Path(name)):
            yield from _names_in(archive, name, nested)


def _walk(folder: Path, nested: bool) -> Iterator[Path]:
    """The files below a folder. Folders come before links to folders, so that each has its own name."""
    folders, links = [folder], list[Path]()
    seen: set[tuple[int, int]] = set()
    while folders or links:
        each = folders.pop() if folders else links.pop(0)
        try:
            facts = each.stat()
            if (facts.st_dev, facts.st_ino) in seen:
                continue
            seen.add((facts.st_dev, facts.st_ino))
            entries = sorted(os.scandir(each), key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(f"{each}: cannot be read ({error.strerror or error})") from error
        for entry in entries:
            path = each / entry.name
            if _is_of_system(path):
                continue
            link = entry.is_symlink()
            if not (os.path.isdir(path) if link else entry.is_dir()):
                yield path
            elif nested and not _is_folder_of_system(path):
                (links if link else folders).append(path)


def _is_of_system(path: Path) -> bool:
    """Also what an interrupted command left."""
    name = path.name
    return name in _SYSTEM or name.startswith(_RESOURCE) or "__MACOSX" in path.parts or is_unfinished(name)


def _is_folder_of_system(path: Path) -> bool:
    return path.name.startswith(".") or path.name in _SYSTEM_FOLDERS or _is_of_system(path)
