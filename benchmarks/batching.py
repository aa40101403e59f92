"""What batching saves: a clip tracked together, against every frame fitted alone, and against all frames as a batch.

    python benchmarks/batching.py [FRAMES]

With a CUDA device it also prints how far its result is from the CPU's, and the speed-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch
import tyro

from fit_avatar.body import pose_body
from fit_avatar.fitting import ClipState, GaussNewton, Problem, Solution, Unknowns, solve
from fit_avatar.fitting.stage import POSE_AND_SHAPE
from fit_avatar.solvers.state import stacked
from lib.markdown import markdown_table
from lib.synthetic_turn import Turn, turn

OPTIMISER = GaussNewton(50, tolerance=1e-5)


def timed(work: Callable[[], Solution]) -> tuple[float, Solution]:
    """Return the seconds that work takes, and what it gives."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def as_batch(clip: Turn) -> Problem:
    """Return all frames as clips of one frame each, solved at once but knowing nothing of each other."""
    frames = len(clip.keypoints)
    one = clip.frame(0)
    starts = [
        ClipState(clip.start.rotations[t : t + 1], clip.start.transl[t : t + 1], *shared(clip)) for t in range(frames)
    ]
    observations = {**clip.observations(slice(0, 1)), "keypoints": clip.keypoints[:, None]}
    return Problem(one.terms, Unknowns.of(clip.body, stacked(starts), POSE_AND_SHAPE), observations)


def shared(clip: Turn) -> tuple[torch.Tensor, ...]:
    """Return the start of what frames share."""
    return clip.start.betas, clip.start.mean_pose, clip.start.keypoint_bias


def main(frames: tyro.conf.Positional[int] = 60) -> None:
    """Print the table.

    Args:
        frames: of the clip.
    """
    clip = turn(frames)
    solve(clip.problem, replace(OPTIMISER, iterations=1))
    together, result = timed(lambda: solve(clip.problem, OPTIMISER))
    start = time.perf_counter()
    for t in range(frames):
        solve(clip.frame(t), OPTIMISER)
    alone = time.perf_counter() - start
    batch, _ = timed(lambda: solve(as_batch(clip), OPTIMISER))
    found = {"one by one": alone, "as a batch of single frames": batch, "as one clip": together}
    rows = [[name, f"{seconds:.2f}", f"{seconds / alone:.3f}"] for name, seconds in found.items()]
    print(markdown_table([f"{frames} frames, until converged", "seconds", "relative to one by one"], rows))
    if torch.cuda.is_available():
        compare(clip, turn(frames, "cuda"), together, result)


def compare(clip: Turn, same: Turn, seconds: float, result: Solution) -> None:
    """Print the difference between the devices."""
    solve(same.problem, replace(OPTIMISER, iterations=1))
    cuda, other = timed(lambda: solve(same.problem, OPTIMISER))
    vertices = pose_body(clip.body, result.unknowns.body_state()).vertices
    moved = pose_body(same.body, other.unknowns.body_state()).vertices.cpu()
    apart = float((vertices - moved).norm(dim=-1).max())
    print(f"\nCUDA: {cuda:.2f} s, {seconds / cuda:.1f} × as fast; vertices differ by {apart:.1e} m at most")


if __name__ == "__main__":
    tyro.cli(main)
