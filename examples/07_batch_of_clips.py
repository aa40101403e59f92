"""Fit several clips at once: every tensor has one more dimension in front, [C, T, …], and the terms do not notice.

    python examples/07_batch_of_clips.py                         the bundled clip, cut into four
    python examples/07_batch_of_clips.py a.mp4 b.mp4 c.mp4       your own, by one camera

Many short clips are faster together than one after the other, because each step is one batch of small linear systems.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from fit_avatar import GaussNewton, Problem, Unknowns, load_body, observe, preset, solve
from fit_avatar.capture import camera_from, probe
from fit_avatar.fitting import gather_evidence, initialise
from fit_avatar.fitting.state import stacked

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"
BATCHED = ("keypoints",)  # observations that differ from clip to clip; the others are the same for all


def part(seen, frames):
    """Return some frames of a capture as a capture of its own."""
    names = ("frame_indices", "keypoints", "masks", "frame_weights")
    return replace(seen, face=None, hands=None, **{name: getattr(seen, name)[frames] for name in names})


def fit_all(body, captures, height_m, optimiser):
    """Fit clips of equal length together; return the summary and the state, [C, …]."""
    each = [gather_evidence(seen, 800, torch.device("cpu")) for seen in captures]
    start = stacked([initialise(body, one, height_m) for one in each])
    stage = preset("video-avatar").stages[0]  # pose from keypoints

    observed = dict(each[0].observations(body, height_m))
    observed |= {name: torch.stack([one.observations(body, height_m)[name] for one in each]) for name in BATCHED}
    solution = solve(Problem(stage.terms, Unknowns.of(body, start, stage.free), observed), optimiser)
    return solution.summary, solution.unknowns.body_state()


def main(*videos, captures=None, height_m=1.79, body=None):
    """Return the batched state, and the states that one clip after the other gives."""
    if captures is None:
        paths = [Path(video) for video in videos] or [DEMO]
        camera = camera_from(probe(paths[0]).width, probe(paths[0]).height)[0]
        captures = [observe(path, camera=camera) for path in paths]
    if len(captures) == 1:
        captures = [part(captures[0], slice(start, start + 30)) for start in range(0, 120, 30)]
    frames = min(len(seen.frame_indices) for seen in captures)
    captures = [part(seen, slice(frames)) for seen in captures]
    body, optimiser = body or load_body(), GaussNewton(12)

    began = time.perf_counter()
    alone = [fit_all(body, [seen], height_m, optimiser)[1] for seen in captures]
    middle = time.perf_counter()
    summary, together = fit_all(body, captures, height_m, optimiser)
    end = time.perf_counter()

    print(summary)
    print(f"{len(captures)} clips of {frames} frames: {middle - began:.1f} s one by one, {end - middle:.1f} s together")
    print(f"betas of the {len(captures)} clips:\n{together.betas[:, :4].numpy().round(2)}")
    return together, alone


if __name__ == "__main__":
    main(*sys.argv[1:])
