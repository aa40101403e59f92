"""Free memory goes back to the system."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from fit_avatar.io.memory import return_free_memory

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
