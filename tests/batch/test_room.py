"""How many clips fit onto a machine at once."""

import math
from pathlib import Path

import pytest

from fit_avatar.batch.room import Room, need_gb, this_machine
from fit_avatar.config import Config


@pytest.mark.parametrize(
    ("cores", "memory_gb", "need", "clips", "jobs", "threads"),
    [
        (8, 64.0, 3.5, 100, 8, 1),  # the cores decide
        (16, 16.0, 3.5, 100, 4, 4),  # the memory does, and cores that are over become threads
        (16, 64.0, 3.5, 2, 2, 8),  # there are not more clips
        (4, 1.0, 3.5, 10, 1, 4),  # one is always tried
        (4, math.inf, 3.5, 10, 4, 1),  # the system does not tell
    ],
)
def test_jobs_follow_cores_and_memory(
    cores: int, memory_gb: float, need: float, clips: int, jobs: int, threads: int
) -> None:
    room = Room(cores, memory_gb)
    assert room.jobs(need, clips) == jobs
    assert room.threads(jobs) == threads


def test_more_frames_need_more_memory() -> None:
    few, usual, many = (need_gb(Config(frames=frames)) for frames in (8, 120, 240))
    assert few < 1.7 and 2.9 < usual < 4 and many > usual + 1
    assert need_gb(Config(frames=1_000_000)) == need_gb(Config(frames=1000))


def test_limits_of_a_container_count(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1000000000\n")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 64000000 kB\nMemAvailable: 32000000 kB\n")
    assert this_machine(tmp_path, meminfo) == Room(1, 2.0)
    for name in ("cpu.max", "memory.max"):
        (tmp_path / name).write_text("max 100000\n" if name == "cpu.max" else "max\n")
    free = this_machine(tmp_path, meminfo)
    assert free.memory_gb == 32.0 and free.cores >= 1
    assert this_machine(tmp_path / "none", tmp_path / "none").memory_gb > 0
