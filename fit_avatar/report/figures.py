"""Figures of a fit with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fit_avatar.solvers.figures import plot_solve as plot_arrays
from fit_avatar.solvers.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_solve(summary: Summary, title: str = "") -> Figure:
    """Return a figure of one solve: energy over time, and each term's fraction of the energy before and after.

    Args:
        summary: of the solve, such as ``avatar.summaries[0][1]``.
        title: of the figure.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    return plot_arrays(
        seconds=[seconds for seconds, _ in summary.trace],
        energy=[energy for _, energy in summary.trace],
        before={term.name: term.weighted for term in summary.before},
        after={term.name: term.weighted for term in summary.after},
        title=title or f"{summary.optimiser}: {summary.iterations} iterations; {summary.reason}",
    )
