"""What batching saves: a clip tracked together, against every frame fitted alone, and against all frames as a batch.

    python benchmarks/batching.py [FRAMES]

With a CUDA device it also prints how far its result is from the CPU's, and the speed-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import torch
import tyro

from fit_avatar.body import pose_body
from fit_avatar.solvers import GaussNewton, Solution
from lib.markdown import markdown_table
from lib.synthetic_turn import Turn, turn

OPTIMISER, WARM_UP = GaussNewton(50, tolerance=1e-5), GaussNewton(1)
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds that work takes, and what it gives."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def main(frames: tyro.conf.Positional[int] = 60) -> None:
    """Print the table.

    Args:
        frames: of the clip.
    """
    clip = turn(frames)
    clip.solve(WARM_UP)
    together, result = timed(lambda: clip.solve(OPTIMISER))
    alone, _ = timed(lambda: [clip.frame(t).solve(OPTIMISER) for t in range(frames)])
    batch, _ = timed(lambda: clip.as_batch().solve(OPTIMISER))
    found = {"one by one": alone, "as a batch of single frames": batch, "as one clip": together}
    rows = [[name, f"{seconds:.2f}", f"{seconds / alone:.3f}"] for name, seconds in found.items()]
    print(markdown_table([f"{frames} frames, until converged", "seconds", "relative to one by one"], rows))
    if torch.cuda.is_available():
        compare(clip, turn(frames, "cuda"), together, result)


def compare(clip: Turn, same: Turn, seconds: float, result: Solution) -> None:
    """Print the difference between the devices."""
    same.solve(WARM_UP)
    cuda, other = timed(lambda: same.solve(OPTIMISER))
    vertices = pose_body(clip.body, result.unknowns.body_state()).vertices
    moved = pose_body(same.body, other.unknowns.body_state()).vertices.cpu()
    apart = float((vertices - moved).norm(dim=-1).max())
    print(f"\nCUDA: {cuda:.2f} s, {seconds / cuda:.1f} × as fast; vertices differ by {apart:.1e} m at most")


if __name__ == "__main__":
    tyro.cli(main)
