"""What a solve did: every term before and after, iterations, seconds, and why it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from fit_avatar.solvers.figures import plot_solve
from fit_avatar.solvers.problem import Evaluation, Objective

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class TermValue:
    """One term at one place: sums over frames, clips and residuals."""

    name: str
    raw: float
    """Σ r² of residuals whose confidence is not 0"""
    robust: float
    """Σ confidence · ρ(r²)"""
    weighted: float
    """weight · robust: its part of the energy"""


@dataclass(frozen=True)
class SolveSummary:
    """What one solve did. Its text is a table.

    Start and end are compared by one and the same function, that of the end of the solve: with the last weights and
    kernels of what is annealed, and with what terms held fixed (matches, visibility) in the last iterations. So a
    start has another energy here than under the matches that were made for it.
    """

    optimiser: str
    before: tuple[TermValue, ...]
    """Every term where the solve began."""
    after: tuple[TermValue, ...]
    """Every term where it ended."""
    iterations: int
    reason: str
    """Why it stopped."""
    seconds: float
    trace: tuple[tuple[float, float], ...] = ()
    """(seconds since the start, energy) as the solve went on; the energy of that moment's weights and matches."""

    @property
    def energy_before(self) -> float:
        """Return the energy at the start, with the weights and matches of the end."""
        return sum(term.weighted for term in self.before)

    @property
    def energy_after(self) -> float:
        """Return the energy at the end."""
        return sum(term.weighted for term in self.after)

    def plot(self, title: str = "") -> Figure:
        """Return a figure: energy over time, and each term's fraction of the energy before and after.

        Args:
            title: of the figure, by default what the optimiser did.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        return plot_solve(
            seconds=[seconds for seconds, _ in self.trace],
            energy=[energy for _, energy in self.trace],
            before={term.name: term.weighted for term in self.before},
            after={term.name: term.weighted for term in self.after},
            title=title or f"{self.optimiser}: {self.iterations} iterations; {self.reason}",
        )

    def __str__(self) -> str:
        width = max([len(term.name) for term in self.after] + [6])
        titles = ["raw", "robust", "weighted"]
        head = f"{'term':<{width}}  " + "  ".join(f"{title:>11}  {'→':<11}" for title in titles)
        lines = [head]
        for first, last in zip(self.before, self.after, strict=True):
            numbers = [f"{getattr(first, t):>11.4g}→ {getattr(last, t):<11.4g}" for t in titles]
            lines.append(f"{first.name:<{width}}  " + "  ".join(numbers))
        total = f"{'energy':<{width}}  {'':>50}  {self.energy_before:>11.4g}→ {self.energy_after:<11.4g}"
        stopped = f"{self.optimiser}: {self.iterations} iterations, {self.seconds:.2f} s; {self.reason}"
        return "\n".join([*lines, total, stopped])


def term_values(objective: Objective, evaluations: Sequence[Evaluation]) -> tuple[TermValue, ...]:
    """Return the sums of every term."""
    if not evaluations:
        return ()
    sums = [
        torch.stack([objective.per_clip(each).sum() for each in (found.squared * (found.confidence > 0), found.robust)])
        for found in evaluations
    ]
    return tuple(
        TermValue(term.name, raw, robust, found.weight * robust)
        for term, found, (raw, robust) in zip(objective.terms, evaluations, torch.stack(sums).tolist(), strict=True)
    )
