"""Three optimisers on the same problem: the energy that each reaches, against seconds.

    python benchmarks/optimisers.py [FRAMES]

Tracks a clip from noisy keypoints, with all terms of the default schedule's first solve. For each pair of optimisers it
prints which fraction of the slower one's time the faster one needs to reach the energy at which the slower one ends.
All numbers come from one run, so that they can be compared even on a machine that is busy.
"""

from __future__ import annotations

from pathlib import Path

import tyro

from fit_avatar.solvers import LBFGS, Adam, GaussNewton, SolveSummary
from lib.figures import draw_convergence
from lib.markdown import markdown_table
from lib.synthetic_turn import turn

OUT = Path("out/optimisers")
TOLERANCE = 1e-4
"""Energies within this fraction count as equal: single precision and the stopping rules leave about as much."""
OPTIMISERS = {"Gauss–Newton": GaussNewton(40, tolerance=1e-6), "L-BFGS": LBFGS(500), "Adam": Adam(1000)}


def seconds_until(summary: SolveSummary, energy: float) -> float:
    """Return the seconds after which a solve had reached an energy; infinite if it never did."""
    return next((seconds for seconds, value in summary.trace if value <= energy), float("inf"))


def main(frames: tyro.conf.Positional[int] = 60, out: Path = OUT) -> None:
    """Solve with every optimiser; print the table, and write it and a figure.

    Args:
        frames: of the clip.
        out: folder of ``table.md`` and ``energy.png``.
    """
    clip = turn(frames)
    clip.solve(GaussNewton(1))  # nothing is measured while libraries load
    found = {name: clip.solve(optimiser).summary for name, optimiser in OPTIMISERS.items()}
    headings = ["optimiser", "iterations", "seconds", "energy at the end", "stopped because"]
    rows = [
        [name, str(summary.iterations), f"{summary.seconds:.2f}", f"{summary.energy_after:.2f}", str(summary.reason)]
        for name, summary in found.items()
    ]
    unknowns = sum(unknown.zero_step().numel() for unknown in clip.initial.free.values())
    text = f"{frames} frames, {unknowns} unknowns\n\n{markdown_table(headings, rows)}\n\n"
    names = list(found)
    for i, fast in enumerate(names):
        for slow in names[i + 1 :]:
            goal, total = found[slow].energy_after * (1 + TOLERANCE), found[slow].seconds
            spent = seconds_until(found[fast], goal)
            text += f"{fast} reaches the final energy of {slow} in {spent:.2f} s, {spent / total:.3f} of its time\n"
    draw_convergence(out / "energy.png", {name: summary.trace for name, summary in found.items()})
    (out / "table.md").write_text(text)
    print(f"{text}\n{out / 'energy.png'}")


if __name__ == "__main__":
    tyro.cli(main)
