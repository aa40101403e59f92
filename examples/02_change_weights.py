"""Change the weights of a schedule: the same observations, once as usual and once with ten times stiffer motion.

    python examples/02_change_weights.py                     the bundled clip
    python examples/02_change_weights.py friend.mp4 1.75     your own, with the person's height in metres

A schedule is a list of actions, and most actions are solves over a list of terms: data that can be printed, compared
and replaced. A term's weight is 1/σ², so a noise level ten times smaller is a weight a hundred times larger.
"""

import sys
from pathlib import Path

from fit_avatar import Schedule, fit_capture, preset
from fit_avatar.capture import camera_from, observe, probe
from fit_avatar.fitting import Initialise, Solve

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"
MOTION = ("rotation_acceleration", "translation_acceleration")


def body_without_clothes():
    """Return the first part of the default schedule, over all frames: keypoints, then outlines, and no offsets."""
    whole = preset("video-avatar", "fast")
    first = whole.actions[1 : whole.actions.index(whole.action("pose and shape from outlines")) + 1]
    return Schedule("body without clothes", "poses and betas of a turning person", (Initialise(), *first))


def stiffer(solve, times=10.0):
    """Return a solve in which joints may change their velocity so many times less."""
    return solve.with_weights(**{name: solve.term(name).weight * times**2 for name in MOTION})


def shake(avatar):
    """Return the mean change of the joints' velocity from frame to frame, in degrees."""
    pose = avatar.state.body_pose
    return float((pose[2:] - 2 * pose[1:-1] + pose[:-2]).norm(dim=-1).mean().rad2deg())


def main(video=DEMO, height_m=1.79, out="out/02_change_weights", camera=None, frames=40, **options):
    """Return both avatars. Options are those of observe: keypoints, masks, …"""
    info = probe(Path(video))
    seen = observe(Path(video), camera=camera or camera_from(info.width, info.height)[0], frames=frames, **options)

    usual = body_without_clothes()
    stiff = usual.with_each(Solve, stiffer)
    print(stiff)

    before, after = (fit_capture(seen, height_m=float(height_m), schedule=plan) for plan in (usual, stiff))
    print(f"\nchange of velocity: {shake(before):.3f}° as usual, {shake(after):.3f}° with stiffer motion")

    Path(out).mkdir(parents=True, exist_ok=True)
    for name, avatar in (("usual", before), ("stiffer", after)):
        solve, summary = avatar.solves[-1]
        summary.plot(f"{solve}, {name}").savefig(Path(out) / f"{name}.png")
    print(f"{out}/usual.png and stiffer.png show what the terms are worth")
    return before, after


if __name__ == "__main__":
    main(*sys.argv[1:])
