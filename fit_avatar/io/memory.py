"""Memory that is free, but still counted as this process's."""

from __future__ import annotations

import ctypes


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
