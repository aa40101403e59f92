"""Add an energy term of your own: somebody measured how far apart the person's ankles are.

    python examples/03_custom_energy.py                     the bundled clip
    python examples/03_custom_energy.py friend.mp4 1.75     your own, with the person's height in metres

A term is a function from the posed body to residuals. Nothing is registered and no derivative is needed; it is written
like those of the package and works with every optimiser.
"""

import sys
from dataclasses import replace
from pathlib import Path

from fit_avatar import Term, fit_capture, preset
from fit_avatar.capture import camera_from, observe, probe
from fit_avatar.fitting import Initialise
from fit_avatar.solvers import LBFGS, Adam, GaussNewton

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


def ankles_apart(x, distance_m):
    """Distance between the ankles minus the measured one. [..., T] metres"""
    return (x.joint("left_ankle") - x.joint("right_ankle")).norm(dim=-1) - distance_m


def main(
    video=DEMO, height_m=1.79, distance_m=0.29, out="out/03_custom_energy", camera=None, frames=30, quick=False,
    **options,
):  # fmt: skip
    """Return an avatar for each optimiser. Options are those of observe: keypoints, masks, …"""
    info = probe(Path(video))
    seen = observe(Path(video), camera=camera or camera_from(info.width, info.height)[0], frames=frames, **options)
    measured = Term(ankles_apart, 1 / 0.005**2, data={"distance_m": float(distance_m)})  # to 5 mm
    solve = preset("video-avatar").action("pose from keypoints")

    Path(out).mkdir(parents=True, exist_ok=True)
    avatars = []
    few = 0.2 if quick else 1.0
    for optimiser in (GaussNewton(15), LBFGS(int(200 * few)), Adam(int(600 * few))):
        schedule = [Initialise(), replace(solve, optimiser=optimiser)]
        avatar = fit_capture(seen, height_m=float(height_m), schedule=schedule, terms=[measured])
        left, right = (avatar.body.joint_names.index(f"{side}_ankle") for side in ("left", "right"))
        apart = (avatar.posed().joints[:, left] - avatar.posed().joints[:, right]).norm(dim=-1)
        _, summary = avatar.solves[0]
        print(f"\n{summary}\nankles are {apart.mean():.3f} ± {apart.std():.3f} m apart")
        summary.plot().savefig(Path(out) / f"{summary.optimiser}.png")
        avatars.append(avatar)
    print(f"\n{out} has a figure for each optimiser: the energy over time, and the terms before and after")
    return avatars


if __name__ == "__main__":
    main(*sys.argv[1:])
