"""Three optimisers for the same problem: Adam, L-BFGS, and Gauss–Newton with Levenberg–Marquardt damping."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.energies import Annealed, Term
from fit_avatar.energies.term import PROGRESS
from fit_avatar.solvers.first_order import AdamRounds, LBFGSRounds, minimise
from fit_avatar.solvers.gauss_newton import GaussNewtonLoop
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.summary import Summary, term_values
from fit_avatar.solvers.unknowns import Unknowns

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
    scheduled = any(_scheduled(term) for term in problem.terms)
    if not problem.unknowns.free:
        iterations, reason = 0, "nothing is free"
    elif isinstance(optimiser, GaussNewton):
        with torch.no_grad():
            problem, iterations, reason = _gauss_newton(problem, optimiser, scheduled, progress, trace)
    else:
        rounds = LBFGSRounds(optimiser) if isinstance(optimiser, LBFGS) else AdamRounds(optimiser)
        problem, iterations, reason = minimise(problem, rounds, scheduled, progress, trace.add)
    seconds = trace.elapsed
    with torch.no_grad():
        fields = problem.prepared()
        before = term_values(first, first.evaluate(first.unknowns.posed_body(), fields))
        after = term_values(problem, problem.evaluate(problem.unknowns.posed_body(), fields))
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
    problem: Problem, options: GaussNewton, scheduled: bool, progress: Progress | None, trace: _Trace
) -> tuple[Problem, int, str]:
    loop = GaussNewtonLoop.start(problem, options.damping, options.check)
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
    varies = isinstance(term.weight, Annealed)
    varies |= term.kernel is not None and term.kernel != term.kernel.at(0.0)
    prepare = term.energy.prepare
    return varies or (prepare is not None and bool(term.energy.wants(prepare, {PROGRESS: 0.0})))
