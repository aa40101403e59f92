"""Minimising a problem's energy, by the optimiser that is asked for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fit_avatar.energies import Annealed, Term
from fit_avatar.solvers import first_order, gauss_newton
from fit_avatar.solvers.options import LBFGS, GaussNewton, Optimiser
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.summary import SolveSummary, term_values
from fit_avatar.solvers.unknowns import Unknowns


@dataclass(frozen=True)
class Solution:
    """Where a solve ended, and how."""

    unknowns: Unknowns
    summary: SolveSummary


def solve(
    problem: Problem,
    initial: Unknowns,
    optimiser: Optimiser | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> Solution:
    """Minimise a problem's energy over the free unknowns.

    Args:
        problem: terms and observations.
        initial: where to start, and what is free; it is not changed.
        optimiser: how, by default Gauss–Newton.
        on_step: called with iterations done and iterations in all.

    Returns:
        The unknowns of least energy, and a summary whose text is a table of every term before and after.

    Raises:
        BadInputError: a term cannot be evaluated, or the optimiser cannot handle it; the message names the term.
    """
    optimiser = optimiser or GaussNewton()
    objective = problem.bind(initial)
    trace = _Trace()
    scheduled = any(_scheduled(term) for term in objective.terms)
    if not initial.free:
        unknowns, iterations, reason = initial, 0, "nothing is free"
        fields = objective.prepared(initial.posed_body())
    elif isinstance(optimiser, GaussNewton):
        with torch.no_grad():
            unknowns, fields, iterations, reason = gauss_newton.minimise(
                objective, initial, optimiser, scheduled, on_step, trace.add
            )
    else:
        rounds = (
            first_order.LBFGSRounds(optimiser) if isinstance(optimiser, LBFGS) else first_order.AdamRounds(optimiser)
        )
        unknowns, fields, iterations, reason = first_order.minimise(
            objective, initial, rounds, scheduled, on_step, trace.add
        )
    seconds = trace.elapsed
    with torch.no_grad():
        before = term_values(objective, objective.evaluate(initial.posed_body(), fields))
        after = term_values(objective, objective.evaluate(unknowns.posed_body(), fields))
    summary = SolveSummary(type(optimiser).__name__, before, after, iterations, reason, seconds, trace.curve())
    return Solution(unknowns, summary)


class _Trace:
    """How the energy fell with time."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self._seconds: list[float] = []
        self._energies: list[Tensor] = []

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.began

    def add(self, energy: Tensor) -> None:
        """Remember an energy [...], which stays on its device until the solve has ended."""
        self._seconds.append(round(self.elapsed, 4))
        self._energies.append(energy.sum())

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Return seconds and energies, without trials that led to no finite number."""
        energies = torch.stack(self._energies).tolist() if self._energies else []
        return tuple((s, e) for s, e in zip(self._seconds, energies, strict=True) if math.isfinite(e))


def _scheduled(term: Term) -> bool:
    """Return whether a term changes as a solve goes on, so that it must not end early."""
    varies = isinstance(term.weight, Annealed) or (term.kernel is not None and term.kernel != term.kernel.at(0.0))
    prepare = term.energy.prepare
    return varies or (prepare is not None and bool(term.energy.wants(prepare, {"progress": 0.0})))
