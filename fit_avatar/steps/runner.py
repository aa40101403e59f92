"""Runs stages through the store, and tells the reporter how they get on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fit_avatar.io.store import Stage, Store
from fit_avatar.progress import Advance, Reporter

T = TypeVar("T")


@dataclass
class Runner:
    """Runs stages through the store, tells the reporter, and remembers how long each took."""

    store: Store
    reporter: Reporter
    done: list[dict[str, Any]] = field(default_factory=list)
    """Every stage's name, its seconds, and whether an earlier run has computed it, as ``metrics.json`` has them."""

    def run(self, name: str, depends_on: Mapping[str, Any], compute: Callable[[Advance], T]) -> Stage[T]:
        """Return the value of a stage, computed now or kept from before."""
        self.reporter.start(name)
        stage = self.store.run(name, depends_on, lambda: compute(self.reporter.advance))
        self._finish(name, stage.seconds, stage.cached)
        return stage

    def write(
        self, name: str, depends_on: Mapping[str, Any], write: Callable[[Advance], Sequence[Path]]
    ) -> Stage[tuple[Path, ...]]:
        """Return the files of a stage, written now or there from before."""
        self.reporter.start(name)
        stage = self.store.run_files(name, depends_on, lambda: write(self.reporter.advance))
        self._finish(name, stage.seconds, stage.cached)
        return stage

    def ready(self, name: str, compute: Callable[[Advance], T]) -> T:
        """Return the value of a stage that keeps its result elsewhere."""
        self.reporter.start(name)
        start = time.perf_counter()
        value = compute(self.reporter.advance)
        self._finish(name, time.perf_counter() - start, cached=False)
        return value

    def _finish(self, name: str, seconds: float, cached: bool) -> None:
        self.reporter.finish(name, seconds, cached)
        self.done.append({"name": name, "seconds": round(seconds, 2), "kept_from_earlier_run": cached})


def under(label: str, advance: Advance) -> Callable[[int, int], None]:
    """Return a progress callback for a stage of one step."""
    return lambda done, total: advance(label, done, total)
