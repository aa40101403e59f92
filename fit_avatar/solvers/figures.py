"""Figures of a solve with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fit_avatar.io.optional import import_optional, install

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (9.0, 3.6)


def plot_solve(
    seconds: Sequence[float],
    energy: Sequence[float],
    before: Mapping[str, float],
    after: Mapping[str, float],
    title: str = "",
) -> Figure:
    """Return a figure of a solve: energy over time, and each term's fraction of the energy before and after.

    The figure belongs to no window: save it with ``figure.savefig("solve.png")``, or let a notebook show it.

    Args:
        seconds: since the start, of every iteration. [N]
        energy: at these times. [N]
        before: weighted energy of each term at the start, by name.
        after: the same at the end.
        title: of the figure.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    matplotlib = import_optional(
        "matplotlib.figure", "figures need the package matplotlib", f"install it with {install('matplotlib')}"
    )
    figure: Figure = matplotlib.Figure(figsize=SIZE_INCHES, layout="constrained")
    curve, bars = figure.subplots(1, 2)
    _plot_energy(curve, seconds, energy)
    _plot_terms(bars, before, after)
    if title:
        figure.suptitle(title)
    return figure


def _plot_energy(axes: Axes, seconds: Sequence[float], energy: Sequence[float]) -> None:
    axes.plot(seconds, energy, marker=".")
    axes.set(xlabel="seconds", ylabel="energy", title="energy after each iteration")
    if len(energy) and min(energy) > 0:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)


def _plot_terms(axes: Axes, before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """Draw two bars for each term, the first term on top."""
    for values, label, shift in ((before, "before", -0.2), (after, "after", 0.2)):
        total = sum(values.values()) or 1.0
        places = [row + shift for row in range(len(values))]
        axes.barh(places, [value / total for value in values.values()], height=0.38, label=label)
    axes.set_yticks(range(len(after)), labels=list(after))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="fraction of the energy", title="weighted terms")
    axes.legend()
