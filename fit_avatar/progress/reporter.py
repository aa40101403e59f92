"""What is told of a run while it lasts and at its end, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

Advance = Callable[[str, int, int], None]
"""Progress within a stage: the name of the step, how many parts of it are done, and how many there are."""

StepProgress = Callable[[int, int], None]
"""Progress within a step: how many parts of it are done, and how many there are."""


@dataclass(frozen=True)
class Left:
    """Where a run is, and how long it still takes."""

    stage: int
    """Number of the stage that runs, from 1."""
    stages: int
    """How many there are."""
    seconds: float
    """About how long it takes until the end."""

    @property
    def sentence(self) -> str:
        """Return it in words."""
        return f"stage {self.stage} of {self.stages}, {_about(self.seconds)} left"

    def after(self, seconds: float) -> Left:
        """Return what is left some time later in the same stage."""
        return replace(self, seconds=max(self.seconds - seconds, 0.0))


def _about(seconds: float) -> str:
    """Return a time as exactly as it can be told."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes >= 4.75 else f"about {round(2 * minutes) / 2:g} min"


@dataclass(frozen=True)
class RunSummary:
    """The result of a run: what was written, and what the user should know about it."""

    folder: Path
    files: tuple[Path, ...]
    """What was written, most useful first."""
    scale_source: str
    """How the metric scale was determined, in words."""
    agreement: str
    """How well the fit agrees with the video, in words."""
    warnings: tuple[str, ...]
    """What the user should know, one sentence each."""
    seconds: float
    """Duration of this run."""
    peak_memory_gb: float
    """Largest amount of memory that the process has used, in GB; 0 where the system does not report it."""
    numbers: tuple[tuple[str, str], ...] = ()
    """Names and values of the most important results."""


class Reporter(Protocol):
    """Receives the progress of a run."""

    def start(self, stage: str) -> None:
        """A stage begins."""

    def advance(self, label: str, done: int, total: int) -> None:
        """``done`` of ``total`` parts of the step ``label`` of the running stage are done."""

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """A stage is done. ``seconds`` is how long it took, in this run or in the one that computed it."""

    def expect(self, left: Left) -> None:
        """Be told where the run is and how much time is left, before a stage begins or goes on."""
