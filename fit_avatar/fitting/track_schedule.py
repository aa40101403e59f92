"""The method for a person whose avatar is there already: shape and clothes are known, the motion alone is fitted.

It is that of any motion, without what looks for a shape. Outlines count from the start as those of a surface that has
clothes, so that they say how far a limb points to the camera.
"""

from __future__ import annotations

from fit_avatar.energies import Annealed
from fit_avatar.fitting.actions import EstimateFocalLength, Initialise, ResolveLimbs, Solve
from fit_avatar.fitting.actions.solve import POSE
from fit_avatar.fitting.motion_schedule import first_terms, motion_terms
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.solvers import GaussNewton

SHAPE = ("betas", "offsets")
"""The unknowns that a known avatar gives."""
FREE = (*POSE, "keypoint_bias")
WIDE, NARROW = Annealed(0.15, 0.05), Annealed(0.06, 0.03)
"""How far outlines may be from the surface, in metres, before and after they have moved it; as in the preset motion."""

FOCAL_FRAMES = 20
"""Frames by which the focal length is found, if nobody has measured it: a known body leaves little else open. Of two
rendered clips 20 found it to 2 %, in a third of the time that all 60 took."""


def track() -> Schedule:
    """Return the schedule that moves a known person, of whom it frees neither betas nor offsets.

    That feet do not slide is asked for at last: with a wrong focal length it would hold the depth that is wrong.
    """
    start = first_terms(WIDE)
    rough = motion_terms(outline_sigma_m=0.01, outline_gate_m=WIDE, slide_sigma_m=None)
    fine = motion_terms(outline_sigma_m=0.006, outline_gate_m=NARROW, hands=True)
    return Schedule(
        "track",
        "any motion of a person whose avatar is given; motion alone",
        (
            Initialise(),
            ResolveLimbs("pose from keypoints and directions", start, free=FREE, optimiser=GaussNewton(20)),
            Solve("pose from outlines", rough, free=FREE, optimiser=GaussNewton(12)),
            EstimateFocalLength(
                "focal length",
                rough,
                free=FREE,
                optimiser=GaussNewton(6),
                trial_iterations=4,
                most_frames=FOCAL_FRAMES,
            ),
            Solve("pose from near outlines", fine, free=FREE, optimiser=GaussNewton(8)),
        ),
        partial=True,
    )
