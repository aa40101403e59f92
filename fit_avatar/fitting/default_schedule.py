"""The default method: a person who turns around in an A-pose, fitted over all frames at once.

Sigmas are noise levels in metres (at the person's distance) or radians, as in
:mod:`fit_avatar.fitting.tracking_terms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fit_avatar.body.joints import FINGER_JOINTS
from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    Term,
    face_reprojection,
    joint_acceleration,
    rotation_acceleration,
    surface_reprojection,
    surface_shift_prior,
)
from fit_avatar.fitting.actions import (
    Action,
    ConsensusShape,
    CoverEars,
    EstimateFocalLength,
    FitFace,
    GrowBrim,
    Initialise,
    LayGarment,
    LayHair,
    MatchSurface,
    MeasureKeypointNoise,
    Solve,
    SpreadToes,
    UseAllFrames,
)
from fit_avatar.fitting.actions.consensus_shape import consensus_optimiser, consensus_terms
from fit_avatar.fitting.actions.solve import POSE, POSE_AND_SHAPE
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.fitting.tracking_terms import (
    FLOOR_SIGMA_M,
    HAND_SCALE_M,
    SLIDE_SIGMA_M,
    hand_terms,
    tracking_terms,
)
from fit_avatar.solvers import GaussNewton

SURFACE_SIGMA_M, SURFACE_SCALE_M, INDEPENDENT_SURFACE = 0.005, 0.015, 0.5
"""Noise of the places in which pictures show points of the surface, its Geman–McClure scale, and independent pieces of
information per point. Chosen on the rendered clips."""
FIST_M = 0.08
"""How far the tips of fingers may be from where a relaxed hand has them, about: the hands' first Geman–McClure scale
where nothing but fingers moves."""
FINGERS_TURN_RAD = 0.03
"""Usual change of a finger's angular velocity between frames a thirtieth of a second apart. Chosen by hand."""
STEP_SIGMA_M = 0.005
"""How much a swinging foot's velocity along the floor changes in a thirtieth of a second. Chosen on two rendered clips:
with 3 mm, as well as with 5, one foot is less wrongly before the other, but feet that stand slide more."""
DEVIATION_SCALE_RAD = 0.06
"""Beyond this a joint is pulled to the clip's mean pose with constant force: legs step. Chosen on the same."""
LEG_SIGMA_RAD = 0.035
"""How far the joints of a leg that does not step stray from the clip's mean pose, beside what others may. Hips and
knees of rendered people did by .008. With it three of them are .2 to .3 mm nearer, with half of it one is .07 nearer
still; but people may shift their weight."""
SURFACE_SHIFT_M = 0.005
"""How far the surface around a joint moves against the joint in one solve. Where it cannot, a head that is a millimetre
too high is put nearer to the camera or farther from it instead, since that looks the same."""
SWAY_SIGMA_M, SWAY_SCALE_M = 0.001, 0.01
"""How much the velocity of neck and head against the pelvis changes in a thirtieth of a second, and its Geman–McClure
scale: trunks sway slowly, whatever feet do. Of four rendered people it was .2 to .6 mm, and 2 to 4 in their fits
without this. With .5 mm instead, heads of two are a little nearer to their place."""
STEADY = 0.1
"""So many times as freely as elsewhere the angular velocities of arms change: arms held away from the body sway slowly.
Where a view does not show how far they are before or behind the body, this carries it over from views that do. With it,
an elbow's may change by .003 rad in a thirtieth of a second; those of four rendered people did by about .001, and by
six times as much in their fits without it. With .05 their hands are as near to their place. With two of them played
twice as fast, hands gain by it; four times as fast, they lose 2 mm, and with .05 4 to 7."""
STEADY_ARMS = MappingProxyType(dict.fromkeys(("collar", "shoulder", "elbow", "wrist"), STEADY))
HANDS_SIGMA_M = 0.004
"""Noise of how far hands that stick out are beyond the masks: that of the outlines."""
HAND_SPACING_M = 0.004
"""Outlines are matched to vertices of hands that are so dense. Elsewhere they are 15 mm apart, about as far as a finger
is thick: outlines of hands in their true place were 6 mm from the vertices that they met, and 2 mm outside of them in
the mean, which pulls arms of which the trunk hides one edge. Chosen on three rendered people, of whom 4 mm are better
than 8, and 8 than 15."""
LAST_OUTLINE_M, LAST_GATE_M = Annealed(0.012, 0.012), 0.03
"""Kernel and gate of the outlines in the last solves."""
FINAL_FACE, FINAL_FACE_BELOW_HAIR = 80.0, 400.0
"""How strongly the last shape's prior holds the face: within some 5 mm with 120 frames, and 2 between hair on both
sides: there, 180 has the head a millimetre better in place, and the face's form half a millimetre worse. Outlines
show little of a face but its profile, and hair. Earlier, poses rely on a face that follows the outlines. Chosen on
three rendered clips."""
FINAL_TOES = 50.0**0.5
"""How strongly the last shape's toes are held, as fingers are: outlines touch few of their many vertices, and drew
those out of a shoe's cap as corners. Feet are as near to the true ones as with 1. Looked at on two rendered clips."""
FINAL_TOLERANCE = 1e-5
"""At what part of its right side the last shape's linear solve ends. Firm toes dominate both: with 1e-3 the cap of a
shoe was solved for, and the rest of the person not to the end. Chosen on rendered clips."""
FACE_SIGMA_M, FACE_SCALE_M, FACE_STRIDE = 0.003, 0.006, 4
"""Noise of a feature of the face in a frame, its Geman–McClure scale, and of the points every so many-th, which then
count as independent. Chosen on three rendered clips."""
FACE_REACH_DEG = 45.0
"""Up to which turn away from the camera features of a face say how the head is turned. Chosen on the same: with 65° the
head is .1 to .3° more wrong."""
HEAD_LOOSER, HEAD_TURN_RAD = 3.3, 0.003
"""So many times more freely than elsewhere a head strays from its mean pose where it and the neck alone are free, and
how their angular velocities change in a thirtieth of a second: people look around, but smoothly. Chosen on three
rendered clips. A neck that is as free puts the head up to a millimetre farther from its place."""
KEY_FRAMES = {"fast": 20, "balanced": 30, "best": 45}
ROUNDS = {"fast": 1, "balanced": 3, "best": 5}


def video_avatar(quality: str = "balanced") -> Schedule:
    """Return the default schedule of a quality: ``fast``, ``balanced`` or ``best``."""
    rounds = ROUNDS[quality]
    steady = {"looser": dict(STEADY_ARMS)}
    first = tracking_terms(keypoint_kernel=6.0, turn_options=steady, move_sigma_m=0.03)
    outlines = tracking_terms(
        keypoint_sigma_m=None,
        keypoint_kernel=4.0,
        outline_sigma_m=0.008,
        outline_options={"inside_looseness": 3.0, "hand_spacing_m": HAND_SPACING_M},
        turn_options=steady,
    )
    actions: list[Action] = [
        Initialise(key_frames=KEY_FRAMES[quality]),
        EstimateFocalLength("estimate the focal length", first, optimiser=GaussNewton(12)),
        Solve("pose from keypoints", first, optimiser=GaussNewton(12)),
        MeasureKeypointNoise(),
        Solve("pose and shape from outlines", outlines, optimiser=GaussNewton(16)),
        LayGarment(terms=outlines, optimiser=GaussNewton(16)),
    ]
    pose = _pose_terms(Annealed(0.024, 0.012), Annealed(0.06, 0.03), legs=True)
    free = (*(name for name in POSE_AND_SHAPE if name != "betas"), "surface_shift")
    for i in range(1, rounds + 1):
        actions.append(ConsensusShape(f"consensus shape {i}/{rounds}", consensus_terms(crown=False)))
        terms = (*pose, Term(surface_shift_prior, SURFACE_SHIFT_M**-2))
        name = f"pose with the consensus shape {i}/{rounds}"
        actions.append(Solve(name, terms, free=free, optimiser=GaussNewton(8)))
    if quality == "fast":  # it is the last shape
        final = consensus_optimiser(2, FINAL_TOLERANCE)
        shape = consensus_terms(FINAL_TOES, toe_box=True)
        actions.append(ConsensusShape("final consensus shape", shape, optimiser=final, waistband=True))
    else:
        actions.append(ConsensusShape("final consensus shape"))
    actions.append(UseAllFrames())
    every = _pose_terms(Annealed(0.024, 0.012), Annealed(0.06, 0.03), steps=True, floor=True, legs=True)
    every = (*every, *_shift_and_sway())
    actions.append(Solve("pose of every frame", every, free=(*POSE, "surface_shift"), optimiser=GaussNewton(8)))
    if quality != "fast":
        actions += [MatchSurface(), _pose_from_pictures()]
        shape = consensus_terms(
            toes=FINAL_TOES,
            toe_box=True,
            face=FINAL_FACE,
            may_hide_ears=True,
            face_below_hair=FINAL_FACE_BELOW_HAIR,
            may_hang_behind=True,
        )
        final = consensus_optimiser(1, FINAL_TOLERANCE)
        name = "shape from every frame"
        actions.append(ConsensusShape(name, shape, optimiser=final, holds_face=True, waistband=True))
        actions += [FitFace(), _head_that_looks_around(), _head_below_hat()]
    actions += [_fingers(), SpreadToes()]
    if quality != "fast":
        actions += [CoverEars(), GrowBrim(), LayHair()]
    return Schedule("video-avatar", "a clip of a person turning around; body, clothes and motion", tuple(actions))


def _pose_terms(
    outline_kernel_m: Annealed,
    gate_m: float | Annealed,
    steps: bool = False,
    floor: bool = False,
    legs: bool = False,
    looser: Mapping[str, float] | None = None,
    turn_sigma: float = 0.02,
    hand_spacing_m: float | None = HAND_SPACING_M,
) -> tuple[Term, ...]:
    """Return the terms of poses on the consensus shape.

    ``steps``: frames are near enough to tell what a foot does, and, with ``floor``, legs may be moved by it. ``legs``:
    those that do not step are held. ``hand_spacing_m``: None where no hand moves, which takes less time.
    """
    return tracking_terms(
        keypoint_sigma_m=None,
        keypoint_kernel=4.0,
        outline_sigma_m=0.004,
        outline_kernel_m=outline_kernel_m,
        outline_options={"gate_m": gate_m}
        if hand_spacing_m is None
        else {"gate_m": gate_m, "hand_spacing_m": hand_spacing_m},
        deviation_sigma=0.06,
        deviation_kernel=DEVIATION_SCALE_RAD if steps else None,
        deviation_options={} if looser is None else {"looser": looser},
        turn_sigma=turn_sigma,
        turn_options={"looser": dict(STEADY_ARMS)},
        slide_sigma_m=SLIDE_SIGMA_M if steps else None,
        floor_sigma_m=FLOOR_SIGMA_M if floor else None,
        step_sigma_m=STEP_SIGMA_M if floor else None,
        leg_sigma_rad=LEG_SIGMA_RAD if legs else None,
        within_sigma_m=HANDS_SIGMA_M if floor else None,
    )


def _shift_and_sway() -> tuple[Term, Term]:
    """Return the terms that keep head and trunk where they are in depth, where all frames are solved for."""
    sway = Term(
        joint_acceleration,
        SWAY_SIGMA_M**-2,
        GemanMcClure(SWAY_SCALE_M),
        data={"joints": ("neck", "head"), "against_root": True},
    )
    return (Term(surface_shift_prior, SURFACE_SHIFT_M**-2), sway)


def _pose_from_pictures() -> Solve:
    """Return the solve for what outlines do not show: turns about a limb's own axis, from the pictures' pattern."""
    poses = _pose_terms(LAST_OUTLINE_M, LAST_GATE_M, steps=True, floor=True, legs=True)
    surface = Term(
        surface_reprojection,
        INDEPENDENT_SURFACE * SURFACE_SIGMA_M**-2,
        GemanMcClure(SURFACE_SCALE_M),
        data={"in_metres": True},
        optional=True,
    )
    free = (*POSE, "surface_shift")
    terms = (*poses, surface, *_shift_and_sway())
    return Solve("pose from the pictures", terms, free=free, optimiser=GaussNewton(4), needs=("surface_matches",))


def _fingers() -> Solve:
    """Return the solve that bends the fingers of hands that are seen, as long as the body has any."""
    return Solve(
        "fingers",
        (*hand_terms(Annealed(FIST_M, HAND_SCALE_M)), Term(rotation_acceleration, FINGERS_TURN_RAD**-2)),
        free=("body_pose",),
        optimiser=GaussNewton(8),
        moving_joints=FINGER_JOINTS,
        needs=("hands",),
    )


def _head_that_looks_around() -> Solve:
    """Return the solve that lets a head look around, where neither hair that hangs nor a hat hides how it is turned.

    Where the face is not seen, outlines and smoothness say how the head is turned. Points of the surface would rather
    leave it as it was, since the texture in which they are found was made so, and so would the mean pose.
    """
    return _head_alone("head that looks around", "bare_head", {"head": HEAD_LOOSER})


def _head_below_hat() -> Solve:
    """Return the same solve for a head below a hat, which strays no more freely than others: few outlines are its own.

    The faces of seven rendered people are off by 4.0° in the mean with it, and by 4.4° with a head that is as free as
    where there is no hat.
    """
    return _head_alone("head below a hat", "below_hat", None)


def _head_alone(name: str, condition: str, looser: Mapping[str, float] | None) -> Solve:
    """Return a solve for neck and head by outlines and the features of the face, where a condition is true."""
    poses = _pose_terms(
        LAST_OUTLINE_M,
        LAST_GATE_M,
        steps=True,
        looser=looser,
        turn_sigma=HEAD_TURN_RAD,
        hand_spacing_m=None,
    )
    face = Term(
        face_reprojection,
        FACE_SIGMA_M**-2,
        GemanMcClure(FACE_SCALE_M),
        data={"in_metres": True, "stride": FACE_STRIDE, "features": True, "reach_deg": FACE_REACH_DEG},
    )
    return Solve(
        name,
        (*poses, face),
        free=("body_pose",),
        optimiser=GaussNewton(4),
        moving_joints=("neck", "head"),
        needs=("face_468", "face_points", "bare_neck", condition),
    )
