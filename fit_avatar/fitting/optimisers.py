"""Three optimisers for the same problem: Adam, L-BFGS, and Gauss–Newton with Levenberg–Marquardt damping."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.energies import Schedule, Term
from fit_avatar.fitting.gauss_newton import GaussNewtonLoop
from fit_avatar.fitting.iterative import Products, estimated_diagonal
from fit_avatar.fitting.problem import Problem
from fit_avatar.fitting.summary import Summary, term_values
from fit_avatar.fitting.unknowns import Unknowns

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class GaussNewton:
    """Gauss–Newton with Levenberg–Marquardt damping. Needs few iterations; terms must be least squares."""

    iterations: int = 20
    tolerance: float = 0.0
    """Stop when an iteration lowers the energy by less than this part of it."""
    damping: float = 1e-3
    """Damping of the first step; it follows the success of steps after that."""
    check: bool = True
    """Compare derivatives that are not the built-in ones with autograd, once."""


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS with a strong-Wolfe line search. For terms that see many frames, or that are no least squares."""

    iterations: int = 200
    tolerance: float = 1e-7
    """Stop when a round of ``refresh`` iterations lowers the energy by less than this part of it."""
    history: int = 50
    refresh: int = 25
    """Iterations after which what a term holds fixed (matches) is computed anew."""


@dataclass(frozen=True)
class Adam:
    """Adam with a learning rate that falls along a cosine. Slow and sure."""

    iterations: int = 1000
    learning_rate: float = 0.02
    """Size of a step, in radians, metres or standard deviations."""
    tolerance: float = 0.0
    """Stop when a round of ``refresh`` iterations lowers the energy by less than this part of it."""
    refresh: int = 25
    """Iterations after which what a term holds fixed (matches) is computed anew."""


Optimiser = GaussNewton | LBFGS | Adam


@dataclass(frozen=True)
class Solution:
    """Where a solve ended, and how."""

    unknowns: Unknowns
    summary: Summary


def solve(problem: Problem, optimiser: Optimiser | None = None, progress: Progress | None = None) -> Solution:
    """Minimise a problem's energy over its free unknowns.

    Args:
        problem: terms and unknowns; it is not changed.
        optimiser: how, by default Gauss–Newton.
        progress: called with iterations done and iterations in all.

    Returns:
        The unknowns of least energy, and a summary whose text is a table of every term before and after.

    Raises:
        BadInputError: a term cannot be evaluated, or the optimiser cannot handle it; the message names the term.
    """
    optimiser = optimiser or GaussNewton()
    trace = _Trace()
    first = problem
    if not problem.unknowns.free:
        iterations, reason = 0, "nothing is free"
    elif isinstance(optimiser, GaussNewton):
        with torch.no_grad():
            problem, iterations, reason = _gauss_newton(problem, optimiser, progress, trace)
    else:
        loop = _LBFGSRounds(optimiser) if isinstance(optimiser, LBFGS) else _AdamRounds(optimiser)
        problem, iterations, reason = _first_order(problem, optimiser, loop, progress, trace)
    seconds = trace.elapsed
    with torch.no_grad():
        fields = problem.prepared()
        before = term_values(first, first.evaluate(first.unknowns.scene(), first.prepared()))
        after = term_values(problem, problem.evaluate(problem.unknowns.scene(), fields))
    told = Summary(type(optimiser).__name__, before, after, iterations, reason, seconds, tuple(trace.points))
    return Solution(problem.unknowns, told)


class _Trace:
    """How the energy fell with time."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.points: list[tuple[float, float]] = []

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    def add(self, energy: Tensor) -> None:
        self.points.append((round(self.elapsed, 4), float(energy.sum())))


def _gauss_newton(
    problem: Problem, options: GaussNewton, progress: Progress | None, trace: _Trace
) -> tuple[Problem, int, str]:
    loop = GaussNewtonLoop.start(problem, options.damping, options.check)
    scheduled = any(_scheduled(term) for term in problem.terms)
    for i in range(options.iterations):
        share = i / max(options.iterations - 1, 1)
        before, after = loop.step(loop.problem.prepared(share), share)
        trace.add(after)
        if progress:
            progress(i + 1, options.iterations)
        if scheduled:
            continue
        gain = float(((before - after) / before.abs().clamp_min(1e-30)).amax())
        if loop.stuck or (gain <= 0 and loop.settled):
            return loop.problem, i + 1, "no step lowers the energy further"
        if 0 < gain < options.tolerance:
            return loop.problem, i + 1, f"the last step lowered the energy by {gain:.1e} of it"
    return loop.problem, options.iterations, "all iterations done"


def _scheduled(term: Term) -> bool:
    """Return whether a term changes on a schedule, so that a solve must not end before it."""
    varies = term.schedule is not None or isinstance(term.weight, Schedule)
    varies |= term.kernel is not None and term.kernel != term.kernel.at(0.0)
    prepare = term.energy.prepare
    return varies or (prepare is not None and bool(term.energy.wants(prepare, {"share": 0.0})))


class _LBFGSRounds:
    """Rounds of L-BFGS; what it has learnt of the curvature is kept from one to the next."""

    def __init__(self, options: LBFGS) -> None:
        self.options = options
        self.optimiser: torch.optim.LBFGS | None = None

    def run(self, steps: list[Tensor], closure: Callable[[], Tensor], count: int) -> int:
        if self.optimiser is None:
            self.optimiser = torch.optim.LBFGS(
                steps, history_size=self.options.history, tolerance_grad=1e-12, tolerance_change=1e-14,
                line_search_fn="strong_wolfe",
            )  # fmt: skip
        state = self.optimiser.state[steps[0]]
        before = int(state.get("n_iter", 0))
        self.optimiser.param_groups[0].update(max_iter=count, max_eval=2 * count)
        self.optimiser.step(closure)
        return int(state["n_iter"]) - before


class _AdamRounds:
    """Rounds of Adam with one memory and one learning-rate schedule over all of them."""

    def __init__(self, options: Adam) -> None:
        self.options = options
        self.optimiser: torch.optim.Adam | None = None

    def run(self, steps: list[Tensor], closure: Callable[[], Tensor], count: int) -> int:
        if self.optimiser is None:
            self.optimiser = torch.optim.Adam(steps, lr=self.options.learning_rate)
            self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
                self.optimiser, self.options.iterations, eta_min=self.options.learning_rate * 0.01
            )
        for _ in range(count):
            closure()
            self.optimiser.step()
            self.schedule.step()
        return count


def _first_order(
    problem: Problem,
    options: LBFGS | Adam,
    rounds: _LBFGSRounds | _AdamRounds,
    progress: Progress | None,
    trace: _Trace,
) -> tuple[Problem, int, str]:
    start = problem.unknowns
    scales = _scales(problem) if isinstance(options, LBFGS) else {}
    leaves = {name: unknown.zero_step().requires_grad_() for name, unknown in start.free.items()}

    def steps() -> dict[str, Tensor]:
        return {name: leaf * scales.get(name, 1.0) for name, leaf in leaves.items()}

    def reached() -> Unknowns:
        return start.after({name: step.detach() for name, step in steps().items()})

    scheduled = any(_scheduled(term) for term in problem.terms)
    unit, done, last = 0.0, 0, float("inf")
    while done < options.iterations:
        share = done / max(options.iterations - 1, 1)
        here = reached()
        fields = problem.at(here).prepared(share)
        unit = unit or 1 / max(float(problem.values(here.scene(), fields, share).sum()), 1e-12)

        def closure() -> Tensor:
            for leaf in leaves.values():
                leaf.grad = None
            energy = problem.values(start.scene_after(steps()), fields, share).sum()  # noqa: B023
            trace.add(energy.detach())
            (energy * unit).backward()  # noqa: B023
            return (energy * unit).detach()  # noqa: B023

        made = rounds.run(list(leaves.values()), closure, min(options.refresh, options.iterations - done))
        done += max(made, 1)
        if progress:
            progress(min(done, options.iterations), options.iterations)
        energy = float(problem.values(reached().scene(), fields, share).sum())
        gain = (last - energy) / max(abs(last), 1e-30) if last < float("inf") else float("inf")
        if not scheduled and made == 0:
            return problem.at(reached()), done, "no step lowers the energy further"
        if not scheduled and 0 <= gain < options.tolerance:
            return problem.at(reached()), done, f"the last round lowered the energy by {gain:.1e} of it"
        last = energy
    return problem.at(reached()), min(done, options.iterations), "all iterations done"


def _scales(problem: Problem) -> dict[str, Tensor]:
    """Return how far each unknown is uncertain, so that L-BFGS sees them all alike; smooth on average over frames."""
    fields = problem.prepared(0.0)
    with torch.no_grad():
        found = problem.evaluate(problem.unknowns.scene(), fields, 0.0)
    sizes = estimated_diagonal(Products(problem, fields, found, 0.0))
    named = problem.unknowns.named
    # The estimate is noisy: it is averaged over frames, and over all numbers of an unknown that frames share.
    return {
        name: (size.mean() if named[name].shared else size.mean(-2, keepdim=True)).rsqrt()
        for name, size in sizes.items()
    }
