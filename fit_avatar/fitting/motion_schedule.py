"""The method for any motion: a person who walks, dances or sits down, fitted over all frames at once.

Sigmas are noise levels in metres (at the person's distance) or radians; a term's weight is 1/σ², less where
neighbouring frames err together. Weights were chosen on one rendered walk, and tried on nine other rendered motions.
"""

from __future__ import annotations

from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    Term,
    body_height,
    contour_distance,
    foot_contact,
    joint_limits,
    keypoint_bias_prior,
    keypoint_reprojection,
    limb_direction,
    mixture_pose_prior,
    rotation_acceleration,
    self_penetration,
    shape_prior,
    translation_acceleration,
)
from fit_avatar.fitting.actions import Action, ConsensusShape, Initialise, ResolveLimbs, Solve
from fit_avatar.fitting.actions.consensus_shape import consensus_terms
from fit_avatar.fitting.actions.solve import POSE
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.fitting.tracking_terms import INDEPENDENT_OUTLINE, hand_terms
from fit_avatar.solvers import GaussNewton

INDEPENDENT_DIRECTION = 0.3
"""Independent pieces of information per limb and frame, once the pose is nearly right: a detector errs alike in
neighbouring frames."""
PRIOR = 0.1
"""Weight of the pose prior in each frame: frames that follow each other hold nearly the same pose."""
MOVE_SIGMA_M = 0.02
"""Usual change of the root's velocity between frames a thirtieth of a second apart."""
TOES = 50.0**0.5
"""How strongly toes are held, as fingers are: seen from few sides, one of them took the whole of what an outline lacks
at the tip of a foot, and stood out like a thorn. Looked at on a rendered walk."""
FREE = (*POSE, "betas", "keypoint_bias")


def motion_terms(
    *,
    keypoint_sigma_m: float = 0.02,
    keypoint_scale_m: float | Annealed = 0.12,
    direction_weight: float = INDEPENDENT_DIRECTION,
    direction_scale: float | Annealed = 3.0,
    turn_sigma: float = 0.03,
    slide_sigma_m: float | None = 0.01,
    outline_sigma_m: float | None = None,
    outline_gate_m: Annealed | None = None,
    hands: bool = False,
) -> tuple[Term, ...]:
    """Return the terms that track a person who moves freely.

    Args:
        keypoint_sigma_m: noise of a detected keypoint, and of the body's idea of where it is.
        keypoint_scale_m: Geman–McClure scale of keypoints.
        direction_weight: of the limbs' directions, against their own noise.
        direction_scale: Geman–McClure scale of directions, in their noise. With 4, an arm of which the
            detector is 46° off was pulled along in one rendered clip; with 2.5, less was gained in another.
        turn_sigma: usual change of a joint's angular velocity between frames a thirtieth of a second apart.
        slide_sigma_m: how far a foot that stands drifts in a thirtieth of a second; None while poses are far off.
        outline_sigma_m: noise of a point of the outline; None leaves outlines out.
        outline_gate_m: how far outline points may be from the surface that has clothes by now; without it, it has none.
        hands: take the detector's points of hands, where the body has fingers.
    """
    terms = [
        Term(keypoint_reprojection, keypoint_sigma_m**-2, GemanMcClure(keypoint_scale_m), data={"in_metres": True}),
        Term(limb_direction, direction_weight, GemanMcClure(direction_scale), optional=True),
        Term(mixture_pose_prior, PRIOR),
        Term(joint_limits, 0.1**-2),
        Term(rotation_acceleration, turn_sigma**-2),
        Term(translation_acceleration, MOVE_SIGMA_M**-2),
        Term(keypoint_bias_prior, 0.02**-2),
    ]
    if hands:
        terms += hand_terms()
    if slide_sigma_m is not None:
        terms.append(Term(foot_contact, slide_sigma_m**-2))
    if outline_gate_m is None:
        terms += [Term(shape_prior, 1.0), Term(body_height, 0.002**-2, optional=True)]
    if outline_sigma_m is not None:
        first = 10.0 if outline_gate_m is None else 6.0
        options = {"inside_looseness": 3.0} if outline_gate_m is None else {"gate_m": outline_gate_m}
        outline = Term(
            contour_distance,
            INDEPENDENT_OUTLINE * outline_sigma_m**-2,
            GemanMcClure(Annealed(first * outline_sigma_m, 3 * outline_sigma_m)),
            data={"in_metres": True, **options},
        )
        terms.insert(1, outline)
        terms.append(Term(self_penetration, 0.05**-2))
    return tuple(terms)


ROUNDS = {"fast": 1, "balanced": 2, "best": 4}
"""How often pose and consensus shape alternate, by quality."""


def first_terms(outline_gate_m: Annealed | None = None) -> tuple[Term, ...]:
    """Return the terms of the first solve, while poses are far off: keypoints and directions, broad kernels."""
    return motion_terms(
        keypoint_sigma_m=0.03,
        keypoint_scale_m=Annealed(0.3, 0.12),
        direction_weight=1.0,
        direction_scale=Annealed(10.0, 3.0),
        turn_sigma=0.05,
        slide_sigma_m=None,
        outline_gate_m=outline_gate_m,
    )


def motion(quality: str = "balanced") -> Schedule:
    """Return the schedule for any motion.

    What 2D points leave open, whether a limb points to the camera or away from it, is decided by the detector's
    directions in 3D, by what people usually do, and by smoothness in time; how far it does so by the outlines.

    Args:
        quality: ``fast``, ``balanced`` or ``best``.
    """
    rounds = ROUNDS[quality]
    start = first_terms()
    outlined = motion_terms(outline_sigma_m=0.01)
    pose = motion_terms(outline_sigma_m=0.006, outline_gate_m=Annealed(0.06, 0.03), hands=True)
    actions: list[Action] = [
        Initialise(),
        ResolveLimbs("pose from keypoints and directions", start, free=FREE, optimiser=GaussNewton(20)),
        Solve("pose and shape from keypoints", motion_terms(), free=FREE, optimiser=GaussNewton(12)),
        Solve("pose and shape from outlines", outlined, free=FREE, optimiser=GaussNewton(16)),
    ]
    free = tuple(name for name in FREE if name != "betas")
    surface = consensus_terms(TOES)
    for i in range(1, rounds + 1):
        actions.append(ConsensusShape(f"consensus shape {i}/{rounds}", surface))
        name = f"pose with the consensus shape {i}/{rounds}"
        actions.append(Solve(name, pose, free=free, optimiser=GaussNewton(8)))
    actions.append(ConsensusShape("final consensus shape", surface))
    return Schedule("motion", "any motion of a person; motion, body and clothes", tuple(actions), partial=True)
