"""Keep freed memory mapped: fresh pages cost more than arithmetic on large CPU tensors."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def tune_allocator() -> bool:
    """Ask glibc to reuse large blocks instead of returning them to the system; False where that is not possible.

    Opt-in, for the whole process: resident memory stays at its peak.  Measured on the SoftHebb layers: ReLU 23.8 to
    5.1 ms, softmax 31.5 to 9.8 ms (page faults of freshly mapped tensors).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 1 << 30) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
