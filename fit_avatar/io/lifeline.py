"""A program that another one has started ends with it, however that one ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading

VARIABLE = "FIT_AVATAR_LIFELINE"
"""Set to 1 by a program that holds the other end of this one's standard input for as long as it lives."""
GRACE_S = 20.0
"""How long a run may take to remove what is half written. Chosen by hand."""


def follow() -> None:
    """If :data:`VARIABLE` asks for it, end this process once its standard input has ended; what it starts is not meant.

    The system closes the pipe even if the other program is killed, so that nothing goes on that nobody waits for.
    """
    if os.environ.pop(VARIABLE, "") == "1":
        threading.Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 4096):
            pass
    timer = threading.Timer(GRACE_S, os._exit, (1,))
    timer.daemon = True
    timer.start()
    os.kill(os.getpid(), signal.SIGTERM)
