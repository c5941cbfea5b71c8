"""How the C library hands out large blocks of memory."""

import ctypes
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # the numbers of mallopt(3) in glibc
_KEPT = 2**31 - 1  # bytes of freed memory that stay with the process
_STEP = 64 << 20  # bytes by which the heap grows


def keep_freed_memory() -> bool:
    """Make glibc reuse freed tensors. By default it maps each large tensor anew, and the kernel zeroes its pages.

    Training on a CPU allocates the same large tensors in every step. Returns whether it took effect (glibc only).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _KEPT), mallopt(_TOP_PAD, _STEP)])
