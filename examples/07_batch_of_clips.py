"""Fit several clips at once: every tensor has one more dimension in front, [C, T, …], and the terms do not notice.

    python examples/07_batch_of_clips.py                         the bundled clip, cut into four
    python examples/07_batch_of_clips.py a.mp4 b.mp4 c.mp4       your own, by one camera

Many short clips are faster together than one after the other, because each step is one batch of small linear systems.
"""

import sys
import time
from pathlib import Path

from fit_avatar import load_body, preset, solve
from fit_avatar.capture import camera_from, observe, probe
from fit_avatar.fitting import some_frames, stack_captures
from fit_avatar.solvers import GaussNewton, Problem, Unknowns

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"
SOLVE = preset("video-avatar").action("pose from keypoints")


def fit_all(body, captures, height_m, optimiser):
    """Fit clips of equal length together; return the summary and the state, [C, …]."""
    start, observed = stack_captures(body, captures, height_m)
    solution = solve(Problem(SOLVE.terms, observed), Unknowns.of(body, start, SOLVE.free), optimiser)
    return solution.summary, solution.unknowns.body_state()


def main(*videos, captures=None, height_m=1.79, out="out/07_batch_of_clips.png", body=None):
    """Return the batched state, and the states that one clip after the other gives."""
    if captures is None:
        paths = [Path(video) for video in videos] or [DEMO]
        camera = camera_from(probe(paths[0]).width, probe(paths[0]).height)[0]
        captures = [observe(path, camera=camera) for path in paths]
    if len(captures) == 1:
        captures = [some_frames(captures[0], slice(start, start + 30)) for start in range(0, 120, 30)]
    frames = min(len(seen.frame_indices) for seen in captures)
    captures = [some_frames(seen, slice(frames)) for seen in captures]
    body, optimiser = body or load_body(), GaussNewton(12)

    began = time.perf_counter()
    alone = [fit_all(body, [seen], height_m, optimiser)[1] for seen in captures]
    middle = time.perf_counter()
    summary, together = fit_all(body, captures, height_m, optimiser)
    end = time.perf_counter()

    print(summary)
    print(f"{len(captures)} clips of {frames} frames: {middle - began:.1f} s one by one, {end - middle:.1f} s together")
    print(f"betas of the {len(captures)} clips:\n{together.betas[:, :4].numpy().round(2)}")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    summary.plot(f"{len(captures)} clips together").savefig(out)
    print(f"{out} shows the energy of all clips over time, and the terms before and after")
    return together, alone


if __name__ == "__main__":
    main(*sys.argv[1:])
