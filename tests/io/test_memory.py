"""Free memory goes back to the system."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fit_avatar.io.memory import return_free_memory, share_free_memory

ROOT = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")


def resident_mb() -> float:
    """Return how much memory this process has at the moment, in megabytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return float(line.split()[1]) / 1e3


@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux")
def test_what_lies_between_blocks_in_use_goes_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("another C library")
    blocks = [np.ones(100_000, np.uint8) for _ in range(2000)]
    kept = blocks[::100]
    del blocks
    before = resident_mb()
    assert return_free_memory()
    assert resident_mb() < before - 100
    assert len(kept) == 20


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not return_free_memory()
    assert not share_free_memory()


THREADS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from fit_avatar.io.memory import return_free_memory, share_free_memory
if sys.argv[1] == "shared":
    assert share_free_memory()
large = bytes(30_000_000)
del large  # blocks below such a size are no longer handed back one by one
together = threading.Barrier(4)
def work(_):
    together.wait()
    blocks = [b"1" * 100_000 for _ in range(500)]
    together.wait()
with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(4)))
return_free_memory()
print([line for line in open("/proc/self/status") if line.startswith("VmRSS")][0].split()[1])
"""


@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux")
def test_what_other_threads_have_freed_goes_back_too() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("another C library")

    def left_mb(how: str) -> float:
        run = subprocess.run([sys.executable, "-c", THREADS, how], check=True, capture_output=True, text=True, cwd=ROOT)
        return float(run.stdout) / 1e3

    assert left_mb("shared") < left_mb("apart") - 20
