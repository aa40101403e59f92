"""How a batch is run, beside the options of its clips."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fit_avatar.errors import BadInputError

MOST_RETRIES = 100
PART = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run."""

    jobs: int | None = None
    """How many clips are fitted at once on this machine; by default as many as its cores and its memory take."""
    memory_gb: float | None = None
    """Memory that one clip takes; by default estimated from --frames and --texture-size."""
    gpu: float | None = None
    """Part of a graphics card that one clip takes: with 0.25, four share one. Default: 1 with --device cuda, else 0."""
    retries: int = 2
    """How often a clip is tried again whose process was killed, as the system does when memory is short."""
    limit_min: float | None = None
    """Give a clip up that takes longer, in minutes."""
    part: str | None = None
    """Do only this part of the clips, such as 3/10: one of several machines, or one of a Slurm array's jobs."""
    ray: str | None = None
    """Run on a Ray cluster: its address (host:port, ray://host:port, or auto); local starts one on this machine."""

    def slice(self, count: int) -> range:
        """Return the indices of the clips that are done here.

        Raises:
            BadInputError: the part is none.
        """
        if self.part is None:
            return range(count)
        found = PART.fullmatch(self.part)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise BadInputError(f"--part {self.part} is no part: give 1/10 to 10/10, say, for each tenth of the clips")
        return range(int(found[1]) - 1, count, int(found[2]))

    def check(self) -> None:
        """Check the numbers.

        Raises:
            BadInputError: one cannot be right.
        """
        bounds: list[tuple[str, float | None, float, float]] = [
            ("--jobs", self.jobs, 1, 4096),
            ("--memory-gb", self.memory_gb, 0.1, 4096),
            ("--gpu", self.gpu, 0, 8),
            ("--retries", self.retries, 0, MOST_RETRIES),
            ("--limit-min", self.limit_min, 0.01, 100_000),
        ]
        for name, value, low, high in bounds:
            if value is not None and not low <= value <= high:
                raise BadInputError(f"{name} {value:g} cannot be right: it must be between {low:g} and {high:g}")
        if self.ray is not None and self.jobs is not None:
            raise BadInputError("--jobs is for this machine alone, and Ray decides by itself: leave one of them out")
        if self.ray is not None and not self.ray.strip():
            raise BadInputError("--ray is empty: give a cluster's address, or local")
        self.slice(0)
