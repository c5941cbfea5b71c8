"""What the control groups of this process allow it on Linux, in version 1 and 2: cores and memory."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOUNT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Limits:
    """How many cores' worth of time, and how many bytes of memory; infinite where nothing limits them."""

    cores: float
    memory: float


def limits(mount: Path = _MOUNT, own: Path = _OWN) -> Limits:
    """The smallest limits of the groups of this process and of those around them.

    mount: where the groups are mounted. own: the file that names those of this process.
    """
    cores, memory = [math.inf], [math.inf]
    for group in _groups(mount, own, "cpu"):
        texts = _read(group / "cpu.max"), f"{_read(group / 'cpu.cfs_quota_us')} {_read(group / 'cpu.cfs_period_us')}"
        cores += [_share(*text.split(maxsplit=1)) for text in texts if " " in text.strip()]
    for group in _groups(mount, own, "memory"):
        memory += [_number(_read(group / name)) for name in ("memory.max", "memory.limit_in_bytes")]
    return Limits(min(cores), min(memory))


def _groups(mount: Path, own: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups that may control it. A container may show only the outermost folder."""
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = mount / controller if controllers else mount  # version 2 has one tree for all
        inner = top / path.lstrip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(top))


def _share(quota: str, period: str) -> float:
    return int(quota) / int(period) if quota.isdecimal() else math.inf


def _number(text: str) -> float:
    return float(text) if text.isdecimal() else math.inf


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
