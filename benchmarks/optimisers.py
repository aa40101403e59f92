"""Three optimisers on the same problem: the energy that each reaches, against seconds.

    python benchmarks/optimisers.py [frames]

Tracks a clip from noisy keypoints (all terms of the default preset's first stage). For each pair of optimisers it tells
what part of the slower one's time the faster one needs for the energy at which the slower one ends. All figures come
from one run, so that they compare on a machine that is loaded.
"""

from __future__ import annotations

import sys

from clip import turn

from fit_avatar.fitting import LBFGS, Adam, GaussNewton, Summary, solve

TOLERANCE = 1e-4
"""Energies count as the same within this part: single precision and where each one stops leave about as much."""
OPTIMISERS = {"Gauss–Newton": GaussNewton(40, tolerance=1e-6), "L-BFGS": LBFGS(500), "Adam": Adam(1000)}


def until(summary: Summary, energy: float) -> float:
    """Return the seconds after which a solve had reached an energy; infinite if it never did."""
    return next((seconds for seconds, value in summary.trace if value <= energy), float("inf"))


def main(frames: int = 60) -> None:
    """Print the table."""
    problem = turn(frames).problem
    solve(problem, GaussNewton(1))  # nothing is measured while libraries load
    found = {name: solve(problem, optimiser).summary for name, optimiser in OPTIMISERS.items()}
    print(f"{frames} frames, {sum(u.zero_step().numel() for u in problem.unknowns.free.values())} unknowns\n")
    print("| optimiser | iterations | seconds | energy at the end | stopped because |\n|---|---|---|---|---|")
    for name, summary in found.items():
        ends = f"{summary.seconds:.2f} | {summary.energy_after:.2f} | {summary.reason}"
        print(f"| {name} | {summary.iterations} | {ends} |")
    print()
    names = list(found)
    for i, fast in enumerate(names):
        for slow in names[i + 1 :]:
            goal, whole = found[slow].energy_after * (1 + TOLERANCE), found[slow].seconds
            spent = until(found[fast], goal)
            print(f"{fast} reaches what {slow} ends at in {spent:.2f} s, {spent / whole:.3f} of its time")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
