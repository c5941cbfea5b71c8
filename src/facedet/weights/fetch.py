"""The published models: their names, their files, and how they are downloaded."""

import json
from collections.abc import Sequence
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.progress import ByteProgress, Tell, silent_bytes, tell_nobody
from facedet.weights.download import Remote, download
from facedet.weights.transfer import Limits, is_web_address

PUBLISHED = Path(__file__).with_name("published.json")


def names() -> list[str]:
    """The names of the published models, as `fetch` takes them."""
    return list(_published())


def fetch(
    name: str,
    folder: Path,
    *,
    mirror: str | None = None,
    limits: Limits | None = None,
    progress: ByteProgress = silent_bytes,
    tell: Tell = tell_nobody,
    overwrite: bool = False,
) -> list[Path]:
    """Download one of `names()` into `folder`. Returns the paths of its files. Raises UserError.

    mirror: address to use instead of the publisher's. limits, progress, tell: see `download`. A file that already
    exists is kept if it is the published one; if not, it is replaced with `overwrite`, or else UserError is raised.
    """
    published = _published()
    if name not in published:
        raise UserError(f"{name}: not a published file; give one of {', '.join(published)}")
    if mirror and not is_web_address(mirror):  # which is not shown: it may contain a password
        raise UserError("--mirror: not the address of an http or https server")
    remotes = _remotes(published[name], name, folder, mirror, overwrite)
    for remote in remotes:
        download(remote, limits=limits, progress=progress, tell=tell)
    return [remote.target for remote in remotes]


def published_as(files: Sequence[Path]) -> str:
    """The name of the published model that these files are; empty if they are none."""
    for name, entry in _published().items():
        remotes = _remotes(entry, name, Path(), None, False)
        if len(remotes) == len(files) and all(map(_is_complete, remotes, files)):
            return name
    return ""


def _is_complete(remote: Remote, path: Path) -> bool:
    with path.open("rb") as file:
        return remote.is_complete(file)


def _remotes(entry: dict, name: str, folder: Path, mirror: str | None, overwrite: bool) -> list[Remote]:
    base = (mirror or entry["base"]).rstrip("/")
    return [
        Remote(
            url=f"{base}/{file['path']}",
            target=folder / file["path"].rsplit("/", 1)[1],
            algorithm=entry["algorithm"],
            checksum=file["checksum"],
            title=f"the file of {name}",
            if_taken="choose another folder with -o",
            if_refused="try --mirror URL",
            bytes=file["bytes"],
            replaces=overwrite,
        )
        for file in entry["files"]
    ]


def _published() -> dict:
    return json.loads(PUBLISHED.read_text(encoding="utf-8"))
