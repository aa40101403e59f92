"""Ctrl-C that is not lost: Python drops an exception that is raised while it tidies objects away."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

INTERRUPTING = (signal.SIGINT, signal.SIGTERM)
"""Signals that end a run, where they raise KeyboardInterrupt."""


@contextlib.contextmanager
def remembered_interruption() -> Iterator[Callable[[], None]]:
    """Interrupt as always, and give a function that does so again if somebody has asked for it before.

    A destructor or the callback of a weak reference may be running when the signal comes: what is raised there is
    ignored. Those run at any time, most often while a module is imported.
    """
    asked: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.default_int_handler(number, frame)

    def check() -> None:
        if asked:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only it may say what signals do
        yield check
        return
    usual = [number for number in INTERRUPTING if signal.getsignal(number) is signal.default_int_handler]
    for number in usual:
        signal.signal(number, interrupt)
    try:
        yield check
    finally:
        for number in usual:
            signal.signal(number, signal.default_int_handler)
