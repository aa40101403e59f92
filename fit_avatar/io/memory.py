"""Memory that is free, but still counted as this process's."""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8
"""Number of ``mallopt``'s option (glibc's malloc.h)."""


def share_free_memory() -> bool:
    """Let all threads of this process take memory from one pool; True if that can be said.

    The C library of Linux otherwise has up to eight pools for each core. What is free in one of them is not used by
    other threads, and :func:`return_free_memory` leaves the ends of all but the first: 170 MB after 120 frames' fit.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # as below
        return False
    return bool(mallopt(M_ARENA_MAX, 1))


def return_free_memory() -> bool:
    """Return memory that is free to the system; True if there was some.

    The C library of Linux keeps what was freed between blocks that are in use: after a clip was observed that is more
    than half of all, since pictures are just small enough for it. Other systems are left as they are.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows wants a name
        return False
    return bool(trim(0))
