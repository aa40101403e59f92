"""The command line in a child process, with what it printed, how long it took, and how much memory."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY_BYTES = 8 << 30
"""Address space that a child may ask for beyond what it has at its start, so that none takes the whole machine."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: int
    """Exit code; negative: the signal that ended it."""
    told: str
    """All that it wrote to stderr."""
    seconds: float
    memory_bytes: int
    """What it took beyond what the parent had loaded."""


def run_forked(call: Callable[[], int], log: Path, seconds: float) -> Outcome:
    """Call a function in a forked child, which shares the libraries that are loaded; it is killed after ``seconds``."""
    before, start = _resident(), time.monotonic()
    child = os.fork()
    if not child:
        os._exit(_in_child(call, log))
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - start > seconds:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.005)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    told = log.read_bytes().decode(errors="replace")
    return Outcome(os.waitstatus_to_exitcode(status), told, time.monotonic() - start, max(0, peak - before))


def snapshot(folders: Sequence[Path]) -> dict[str, tuple[int, int, int]]:
    """Return type, size and time of change of everything in folders, by path."""
    found = {}
    for folder in folders:
        for top, folders_in, files in os.walk(folder):
            for name in (*folders_in, *files):
                path = os.path.join(top, name)
                status = os.lstat(path)
                folder_like = os.path.isdir(path)
                found[path] = (status.st_mode, 0 if folder_like else status.st_size, status.st_mtime_ns)
    return found


def _in_child(call: Callable[[], int], log: Path) -> int:
    with log.open("wb") as sink:
        os.dup2(sink.fileno(), 2)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    limit = _size() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        return call()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # what a user would see as a traceback
        traceback.print_exc()
        return 1
    finally:
        sys.stderr.flush()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
