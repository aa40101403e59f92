"""How many clips fit onto this machine at once."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from fit_avatar.config import Config

BASE_GB, FRAME_GB, TEXEL_GB = 0.9, 0.014, 5e-8
"""Memory of a process, of each frame used, and of each texel: 0.96 GB were measured for 8 frames of 1080² and a texture
of 64², 2.8–2.9 GB for 120 frames and 2048²."""
MARGIN = 1.25
"""What larger pictures and other clips may take beyond that. Chosen by hand."""
KEPT_FREE = 0.1
"""Part of the free memory that is left alone. Chosen by hand."""
CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Room:
    """What a machine has for a batch."""

    cores: int
    memory_gb: float
    """Infinite where the system does not report it."""

    def jobs(self, need_gb: float, clips: int) -> int:
        """Return how many clips are fitted at once: one a core, which is quickest for many, if the memory lasts."""
        by_memory = int(self.memory_gb * (1 - KEPT_FREE) / need_gb) if math.isfinite(self.memory_gb) else self.cores
        return max(1, min(self.cores, by_memory, clips))

    def threads(self, jobs: int) -> int:
        """Return how many threads each of them has."""
        return max(1, self.cores // jobs)


def this_machine(cgroup: Path = CGROUP, meminfo: Path = Path("/proc/meminfo")) -> Room:
    """Return what this process may use: no more than its container or its Slurm job has been given."""
    return Room(_cores(cgroup), min(_free_gb(meminfo), _limit_gb(cgroup)))


def need_gb(config: Config) -> float:
    """Return how much memory a clip's run takes."""
    return MARGIN * (BASE_GB + FRAME_GB * min(config.frames, 1000) + TEXEL_GB * config.texture_size**2)


def _cores(cgroup: Path) -> int:
    with contextlib.suppress(AttributeError):  # not on macOS and Windows
        count = len(os.sched_getaffinity(0))
        with contextlib.suppress(OSError, ValueError):
            quota, period = (cgroup / "cpu.max").read_text().split()
            count = min(count, max(1, round(int(quota) / int(period))))
        return count
    return os.cpu_count() or 1


def _free_gb(meminfo: Path) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        lines = meminfo.read_text().splitlines()
        return int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]) / 1e6
    with contextlib.suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return math.inf


def _limit_gb(cgroup: Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        return max(0.0, limit - used) / 1e9
    return math.inf
