"""How much time a run still takes, from what its stages usually take and how quick it has been so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fit_avatar.progress import Left, Reporter
from fit_avatar.stage_costs import Size, cost_of

KNOWN_S = 0.5
"""Seconds of work with which the usual speed counts: later, what was measured decides. Chosen by hand."""
MOST_DONE = 0.95
"""A stage that takes longer than expected counts as done up to this part. Chosen by hand."""


@dataclass(frozen=True)
class Expected:
    """The stages of a run, in order."""

    stages: tuple[str, ...]
    motion: bool = False
    """Whether they are those of the preset motion."""


@dataclass
class Forecast:
    """Follows the stages of a run."""

    plans: Sequence[Expected]
    """The stages that the run may have; the first ones are supposed until one comes that is only in another."""
    size: Size
    left_out: frozenset[str] = frozenset()
    """Steps and stages that have nothing to do in this run."""
    clock: Callable[[], float] = time.monotonic
    _plan: Expected = field(init=False)
    _place: int = -1
    _began: float = 0.0
    _work: float = 0.0
    """Usual seconds of what was done and measured."""
    _took: float = 0.0
    """Seconds that it took."""
    _steps: dict[str, float] = field(default_factory=dict)
    """Parts that are done of the steps of the stage that runs."""
    _known: bool = False
    """Whether a stage runs that was expected."""

    def __post_init__(self) -> None:
        self._plan = self.plans[0]

    def start(self, stage: str) -> None:
        """A stage begins."""
        self._began, self._steps = self.clock(), {}
        for plan in (self._plan, *self.plans):
            if stage in plan.stages[max(self._place, 0) :]:
                self._plan, self._place = plan, plan.stages.index(stage, max(self._place, 0))
                self._known = True
                return
        self._known = False

    def advance(self, step: str, done: int, total: int) -> None:
        """``done`` of ``total`` parts of a step of it are done."""
        costs = list(self._costs())
        if self._known and step in costs:
            self._steps |= dict.fromkeys(costs[: costs.index(step)], 1.0)
            self._steps[step] = done / max(total, 1)

    def finish(self, kept: bool) -> None:
        """It is done; ``kept``: by an earlier run."""
        if self._known and not kept:
            self._work += sum(self._costs().values())
            self._took += self.clock() - self._began
        self._steps, self._began, self._known = dict.fromkeys(self._costs(), 1.0), self.clock(), False

    def left(self) -> Left:
        """Return where the run is, and how long it still takes."""
        costs, spent = self._costs(), self.clock() - self._began
        whole = sum(costs.values())
        done = sum(costs[step] * part for step, part in self._steps.items())
        work, took = self._work, self._took
        if self._known and set(self._steps) - {""}:  # steps that are told apart are measured as well
            work, took = work + done, took + spent
        speed = (KNOWN_S + took) / (KNOWN_S + work)
        if "" in costs and "" not in self._steps:
            done = min(spent / speed, MOST_DONE * whole) if self._known else 0.0
        after = sum(sum(self._cost(name).values()) for name in self._plan.stages[self._place + 1 :])
        return Left(self._place + 1, len(self._plan.stages), speed * (max(whole - done, 0.0) + after))

    def _costs(self) -> Mapping[str, float]:
        return self._cost(self._plan.stages[self._place]) if self._place >= 0 else {}

    def _cost(self, stage: str) -> Mapping[str, float]:
        if stage in self.left_out:
            return {"": 0.0}
        costs = cost_of(stage, self._plan.motion)
        return {step: cost.seconds(self.size) for step, cost in costs.items() if step not in self.left_out}


class Timed:
    """A reporter that also tells another one how much time is left."""

    def __init__(self, reporter: Reporter, forecast: Forecast) -> None:
        """Pass everything on to ``reporter``."""
        self._reporter, self._forecast = reporter, forecast

    def start(self, stage: str) -> None:
        """Pass on that a stage begins."""
        self._forecast.start(stage)
        self.expect(self._forecast.left())
        self._reporter.start(stage)

    def advance(self, label: str, done: int, total: int) -> None:
        """Pass on how far it is."""
        self._forecast.advance(label, done, total)
        self.expect(self._forecast.left())
        self._reporter.advance(label, done, total)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Pass on that it is done."""
        self._forecast.finish(cached)
        self._reporter.finish(stage, seconds, cached)

    def expect(self, left: Left) -> None:
        """Pass on how much time is left."""
        self._reporter.expect(left)
