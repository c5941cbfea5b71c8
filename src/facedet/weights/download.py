"""Download a file. It gets its name only when it is complete and its checksum is correct."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

from facedet.common.errors import UserError
from facedet.common.lock import locked_file
from facedet.common.progress import ByteProgress, Position, Tell, silent_bytes, tell_nobody
from facedet.weights.transfer import AttemptFailed, Limits, Refused, WrongContent, receive


@dataclass(frozen=True)
class Remote:
    """A file to download to `target`.

    checksum: hex digest, or its first digits. bytes: size, if known. replaces: another file at the target is replaced.
    For messages: title, such as "the file of ir-fp32", and what to do if the target is another file, or if the address
    does not give the file.
    """

    url: str
    target: Path
    algorithm: str
    checksum: str
    title: str
    if_taken: str
    if_refused: str
    bytes: int | None = None
    replaces: bool = False

    @property
    def part(self) -> Path:
        return self.target.with_name(f"{self.target.name}.{self.checksum[:8]}.part")

    @property
    def shown(self) -> str:
        """The address without a password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def is_complete(self, file: BufferedReader | BufferedRandom) -> bool:
        """Whether an open file has the right size and checksum."""
        if self.bytes not in (None, _size(file)):
            return False
        file.seek(0)
        return hashlib.file_digest(file, self.algorithm).hexdigest().startswith(self.checksum)

    def is_there(self) -> bool:
        """Whether the target exists. Raises UserError if it is something else that is not replaced."""
        if not os.path.lexists(self.target):
            return False
        if self.target.is_file():
            with self.target.open("rb") as file:
                if self.is_complete(file):
                    return True
            if self.replaces:
                return False
        raise UserError(f"{self.target}: already exists and is not {self.title}; {self.if_taken}")


def download(
    remote: Remote,
    *,
    limits: Limits | None = None,
    progress: ByteProgress = silent_bytes,
    tell: Tell = tell_nobody,
) -> None:
    """Download a file, unless it is there: then it is verified. Raises UserError.

    tell: called with a line for each failed attempt. An interrupted download is kept as a .part file and resumed by the
    next call. If another process downloads the same file, this one waits for it.
    """
    limits = limits or Limits()
    try:
        if remote.is_there():
            return
        remote.target.parent.mkdir(parents=True, exist_ok=True)
        with _part(remote, limits, tell) as file:
            if remote.is_there():  # the other process has completed it
                return
            with progress(remote.target.name, remote.bytes) as position:
                _complete(remote, file, limits, position, tell)
            os.fsync(file.fileno())
            if not remote.is_there():  # a user may have copied something there meanwhile
                remote.part.replace(remote.target)
            else:
                remote.part.unlink()
    except OSError as error:
        raise UserError(
            f"{error.filename or remote.part}: cannot be read or written ({error.strerror or error}); mend that, "
            "then run the same command again to resume"
        ) from error


@contextmanager
def _part(remote: Remote, limits: Limits, tell: Tell) -> Iterator[BufferedRandom]:
    """The file in which the bytes are collected, for this process alone. It is removed if it stays empty."""

    def waits() -> None:
        tell(f"{remote.target.name}: another process downloads it; waiting for that")

    with locked_file(remote.part, limits.total, waits) as file:
        try:
            yield file
        finally:
            if not _size(file):
                remote.part.unlink(missing_ok=True)


def _complete(remote: Remote, file: BufferedRandom, limits: Limits, position: Position, tell: Tell) -> None:
    """Complete the open .part file, with retries. Wrong content is downloaded a second time. Raises UserError."""
    deadline = monotonic() + limits.total
    pauses, was_wrong, largest = list(limits.pauses), False, _size(file)
    while True:
        try:
            return _attempt(remote, file, limits, deadline, position)
        except Refused as error:
            raise _failure(remote, file, str(error)) from error
        except WrongContent as error:
            file.truncate(0)
            if was_wrong:
                raise UserError(
                    f"{remote.shown}: is not {remote.title} ({error}); nothing is kept; {remote.if_refused}"
                ) from error
            was_wrong = True
            tell(f"{remote.target.name}: {error}; downloading it again from the start")
        except AttemptFailed as error:
            if _size(file) >= largest + limits.piece:  # a server that starts from zero each time makes no progress
                pauses, largest = list(limits.pauses), _size(file)
            if not pauses:
                raise _failure(remote, file, f"{error}, in every retry too") from error
            if error.pause > limits.longest_pause:
                long = f"asks to wait more than {limits.longest_pause:g} seconds: try again later"
                raise _failure(remote, file, f"{error} and {long}") from error
            pause = max(pauses.pop(0), error.pause)
            if monotonic() + pause > deadline:
                raise _failure(remote, file, str(error)) from error
            tell(f"{remote.target.name}: {error}; trying again in {pause:g} s")
            sleep(pause)


def _attempt(remote: Remote, file: BufferedRandom, limits: Limits, deadline: float, position: Position) -> None:
    """Request the missing bytes, append them, verify the complete file."""
    size = _size(file)
    position(size)
    if size and remote.is_complete(file):
        return
    most = remote.bytes or limits.largest
    if size < most:
        with closing(receive(remote.url, size, limits)) as pieces:
            for start, data in pieces:
                _write(file, start, data)
                size = start + len(data)
                position(size)
                if size > most:
                    raise WrongContent(f"it has more than {most:,} bytes")
                if monotonic() > deadline:
                    raise AttemptFailed(f"it is not complete after {limits.total:g} seconds")
    if remote.bytes and size < remote.bytes:
        raise AttemptFailed("the connection ended early")
    if not remote.is_complete(file):
        raise WrongContent(f"its {remote.algorithm} is different")


def _write(file: BufferedRandom, start: int, data: bytes) -> None:
    if start == 0:
        file.truncate(0)
    file.seek(start)
    file.write(data)
    file.flush()


def _failure(remote: Remote, file: BufferedRandom, reason: str) -> UserError:
    size, of = _size(file), f" of {remote.bytes:,}" if remote.bytes else ""
    kept = f"run the same command again to resume ({size:,}{of} bytes are kept), " if size else ""
    return UserError(
        f"{remote.shown}: {reason}; {kept}copy the file from elsewhere to {remote.target}, or {remote.if_refused}"
    )


def _size(file: BufferedReader | BufferedRandom) -> int:
    return os.fstat(file.fileno()).st_size
