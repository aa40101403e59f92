"""Runs the stages of a run, through the store where there is one, and reports how they get on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fit_avatar.io.memory import return_free_memory
from fit_avatar.io.store import StageResult, Store
from fit_avatar.progress import Advance, Reporter

T = TypeVar("T")


@dataclass
class Runner:
    """Runs stages, reports how they get on, and remembers how long each took."""

    store: Store | None
    """Keeps their results; None: nothing is kept."""
    reporter: Reporter
    done: list[dict[str, Any]] = field(default_factory=list)
    """Every stage's name, its seconds, and whether an earlier run has computed it, as ``metrics.json`` has them."""

    def run(self, name: str, depends_on: Mapping[str, Any], compute: Callable[[Advance], T]) -> StageResult[T]:
        """Return the value of a stage, computed now or kept from before."""
        self.reporter.start(name)
        if self.store is None:
            start = time.perf_counter()
            value = compute(self.reporter.advance)
            stage = StageResult(value, "", time.perf_counter() - start, cached=False)
        else:
            stage = self.store.run(name, depends_on, lambda: compute(self.reporter.advance))
        self._finish(name, stage.seconds, stage.cached)
        return stage

    def write(
        self,
        name: str,
        depends_on: Mapping[str, Any],
        write: Callable[[Advance], Sequence[Path]],
        targets: Sequence[Path] = (),
    ) -> StageResult[tuple[Path, ...]]:
        """Return the files of a stage, written now or there from before. ``targets``: as for :meth:`Store.run_files`"""
        if self.store is None:
            return self.run(name, depends_on, lambda advance: tuple(write(advance)))
        self.reporter.start(name)
        stage = self.store.run_files(name, depends_on, lambda: write(self.reporter.advance), targets)
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
        return_free_memory()
        self.reporter.finish(name, seconds, cached)
        self.done.append({"name": name, "seconds": round(seconds, 2), "kept_from_earlier_run": cached})


def under(label: str, advance: Advance) -> Callable[[int, int], None]:
    """Return a progress callback that reports under one label."""
    return lambda done, total: advance(label, done, total)
