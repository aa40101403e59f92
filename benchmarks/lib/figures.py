"""Figures of the benchmarks, as PNG files beside their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

SIZE_IN = (6.4, 4.0)
DPI = 150


def draw_growth(path: Path, frames: Sequence[int], stages: Mapping[str, Sequence[float]]) -> None:
    """Draw the seconds of every stage against the number of frames, on logarithmic axes.

    Args:
        path: the PNG to write.
        frames: how many, for each run. [R]
        stages: seconds of each run by stage. [R] each
    """
    figure, axes = _axes("frames", "seconds")
    for name, seconds in stages.items():
        axes.plot(frames, seconds, "o-", label=name)
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(frames, [str(count) for count in frames])
    axes.xaxis.set_minor_locator(NullLocator())
    _save(figure, path)


def draw_convergence(path: Path, traces: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Draw the energy above the lowest at which any optimiser ended, against seconds.

    Args:
        path: the PNG to write.
        traces: for each optimiser its (seconds, energy) after every iteration.
    """
    figure, axes = _axes("seconds", "energy above the lowest, relative")
    lowest = min(trace[-1][1] for trace in traces.values())
    for name, trace in traces.items():
        seconds, energies = zip(*trace, strict=True)
        axes.plot(seconds, [energy / lowest - 1 for energy in energies], label=name)
    axes.set(xscale="log")
    axes.set_yscale("symlog", linthresh=1e-3)  # the lowest itself lies at zero
    axes.set_ylim(bottom=0)
    _save(figure, path)


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(SIZE_IN, DPI, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    figure.axes[0].legend(frameon=False, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
