"""Facts about this machine and this process, for results that depend on them."""

import math
import os
import platform
import resource
import sys
from pathlib import Path

from facedet.common.cgroup import limits
from facedet.common.errors import UserError

_ADDRESS_SPACE, _ADDRESS_SPACE_OF_CORE = 1 << 30, 64 << 20  # bytes that NumPy, SciPy, OpenCV and OpenBLAS map


def describe_machine() -> str:
    """System, processor, and the cores and the memory that this process may use."""
    return f"{platform.platform()}, {processor_name()}, {core_count():g} cores, {memory() / 2**30:.0f} GiB"


def usable_cores() -> frozenset[int]:
    """The cores that this process may use, by number."""
    if sys.platform == "linux":
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def core_count() -> float:
    """How many cores this process may use: a container may be limited to a share of them."""
    return min(len(usable_cores()), limits().cores)


def thread_count() -> int:
    """How many threads keep the cores of this process busy."""
    return max(1, math.ceil(core_count()))


def memory() -> float:
    """Bytes of memory that this process may use, of the machine's."""
    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), limits().memory)


def check_address_space() -> None:
    """Raise UserError if a limit (`ulimit -v`) leaves less than the libraries map: OpenBLAS would wait for ever."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    needed = _ADDRESS_SPACE + (os.cpu_count() or 1) * _ADDRESS_SPACE_OF_CORE
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise UserError(
            f"not enough memory: `ulimit -v` allows {limit >> 20} MB; {needed >> 20} MB are needed to start"
        )


def shared_memory() -> int:
    """Free bytes of shared memory; unlimited where it is not a file system."""
    try:
        facts = os.statvfs("/dev/shm")
    except OSError:
        return sys.maxsize
    return facts.f_bavail * facts.f_frsize


def peak_memory_mb() -> int:
    """The peak memory of this process so far, MiB."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmHWM:"):  # on Linux, getrusage would count the parent's memory before this process began
            return int(line.split()[1]) // 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def processor_name() -> str:
    """The name of the processor, if Linux reports it."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
