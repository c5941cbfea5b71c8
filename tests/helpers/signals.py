"""The stack on which signal handlers run: libraries may replace it, and must not leave one that is released."""

import ctypes
import sys
from pathlib import Path

_DISABLED = 2  # SS_DISABLE: handlers run on the stack of the thread


class _Stack(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


def signal_stack_is_usable() -> bool:
    """If not, the next signal is a segmentation fault that no faulthandler reports. Always True outside Linux."""
    if not sys.platform.startswith("linux"):
        return True
    stack = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    ranges = (line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines())
    address = stack.address or 0
    return bool(stack.flags & _DISABLED) or any(int(low, 16) <= address < int(high, 16) for low, high in ranges)
