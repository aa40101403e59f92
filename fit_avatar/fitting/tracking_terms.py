"""The terms that poses of a person in a clip are solved by, as functions of their noise.

Sigmas are noise levels in metres (at the person's distance) or radians; they do not depend on the size of the image.
A term's weight is 1/σ².
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    Huber,
    Term,
    body_height,
    contour_distance,
    feet_on_floor,
    foot_contact,
    hand_reprojection,
    hands_within,
    head_turn,
    keypoint_bias_prior,
    keypoint_reprojection,
    mean_pose_prior,
    pose_deviation,
    relaxed_fingers,
    rotation_acceleration,
    shape_prior,
    still_legs,
    straight_steps,
    translation_acceleration,
)
from fit_avatar.energies.kernel import Value

INDEPENDENT_OUTLINE = 0.2
"""Independent pieces of information per outline point: neighbours err together. Chosen on the rendered clips."""
HAND_SIGMA_M, HAND_SCALE_M, INDEPENDENT_HAND = 0.012, 0.02, 0.3
"""Noise of a hand's points, its Geman–McClure scale, and independent pieces of information per point. The points of one
hand err together, most in how far it tilts from the picture: with more weight the arm turns along. Chosen on rendered
clips."""
FINGERS_SIGMA_RAD = 0.4
"""How far fingers are from relaxed ones, where points of a hand say how they are bent. Chosen by hand."""
WITHIN_SCALE_M, USUALLY_BEYOND_M = 0.05, 0.0015
"""The Geman–McClure scale of how far vertices of hands are beyond the mask, and of how far a hand is to one side of it,
on the whole, for it to count by half. Chosen on three rendered clips, of which one has masks that lack fingers."""
FLOOR_SIGMA_M, FLOOR_SCALE_M = 0.002, 0.01
"""How far the lowest place of a foot that stands is off the floor, and its Geman–McClure scale. Chosen on a rendered
clip, in which it halves how far one foot is wrongly before the other where both stand: 15 to 6 mm."""
SLIDE_SIGMA_M, SLIDE_SCALE_M = 0.0025, 0.014
"""How far a foot that stands drifts in a thirtieth of a second, and its Geman–McClure scale: a foot that swings towards
the camera hardly moves in the picture, and seems to stand. Chosen on two rendered clips, beside the terms above."""
BIAS_IN_NOISE = 1.2
"""How far a detector's idea of a keypoint is from the body's, in its noise: a precise one also means the same place."""
HEAD_SCALE_RAD = 0.15
"""Geman–McClure scale of how the head is turned against its face. Chosen on rendered clips."""
NEARER = 2.0
"""So many times nearer keypoints of the built-in detector are to where it usually sees them than to the body's. Chosen
on four rendered clips: joints are as well placed with 1 and 3."""


def tracking_terms(
    *,
    keypoint_sigma_m: float | None = 0.03,
    keypoint_kernel: float = 3.0,
    keypoint_bias_m: float = 0.02,
    outline_sigma_m: float | None = None,
    outline_kernel_m: Annealed | None = None,
    outline_options: Mapping[str, Any] | None = None,
    deviation_sigma: float = 0.1,
    deviation_kernel: float | None = None,
    deviation_options: Mapping[str, Any] | None = None,
    mean_sigma: float = 0.3,
    turn_sigma: float = 0.02,
    turn_options: Mapping[str, Any] | None = None,
    move_sigma_m: float = 0.01,
    shape_sigma: float = 1.0,
    height_sigma_m: float = 0.002,
    floor_sigma_m: float | None = None,
    slide_sigma_m: float | None = None,
    step_sigma_m: float | None = None,
    leg_sigma_rad: float | None = None,
    head_sigma_rad: float | None = None,
    within_sigma_m: float | None = None,
) -> tuple[Term, ...]:
    """Return the terms that track a turning person over a clip.

    Args:
        keypoint_sigma_m: noise of a detected keypoint, and of the body's idea of where it is; None takes what was
            measured before.
        keypoint_kernel: Geman–McClure scale of keypoints, in their noise.
        keypoint_bias_m: how far the detector's idea of a keypoint is from the body's, the same in all frames; where the
            noise was measured, this is a multiple of it instead.
        outline_sigma_m: noise of a point of the outline; None leaves outlines out.
        outline_kernel_m: its Geman–McClure scale, by default from ten to three times the noise.
        outline_options: further fields of :func:`contour_distance`.
        deviation_sigma: how far a joint strays from the shared mean pose.
        deviation_kernel: beyond this it is pulled back with constant force, for legs that step and arms that move; None
            lets the force grow.
        deviation_options: further fields of :func:`pose_deviation`.
        mean_sigma: how far the shared mean pose is from an A-pose.
        turn_sigma: usual change of a joint's angular velocity between frames a thirtieth of a second apart.
        turn_options: further fields of :func:`rotation_acceleration`.
        move_sigma_m: usual change of velocity between such frames.
        shape_sigma: spread of the betas.
        height_sigma_m: noise of the given height.
        floor_sigma_m: how far the lowest place of a foot that stands is off the floor, such as 0.002; None leaves it
            out.
        slide_sigma_m: how far a foot that stands drifts in a thirtieth of a second, such as 0.0025; None leaves it
            out.
        step_sigma_m: how much a foot's velocity along the floor changes in a thirtieth of a second, such as 0.005;
            None leaves it out.
        leg_sigma_rad: how far the joints of legs that do not step stray from the mean pose, beside ``deviation_sigma``;
            None leaves it out.
        head_sigma_rad: noise of how the face says that the head is turned, such as 0.035; None leaves it out. It helps
            where hair pulls the head, but where only the front of a turn shows the face, its back may follow worse.
        within_sigma_m: noise of how far hands are beyond the masks, such as 0.004; None leaves it out.
    """
    sigma = keypoint_sigma_m
    unit = {"in_noise": True, "by_view": True} if sigma is None else {"in_metres": True, "by_view": True}
    terms = [
        Term(keypoint_reprojection, (sigma or 1.0) ** -2, GemanMcClure(keypoint_kernel * (sigma or 1.0)), data=unit),
        Term(
            pose_deviation,
            deviation_sigma**-2,
            None if deviation_kernel is None else Huber(deviation_kernel),
            data=dict(deviation_options or {}),
        ),
        Term(mean_pose_prior, mean_sigma**-2),
        Term(rotation_acceleration, turn_sigma**-2, data=dict(turn_options or {})),
        Term(translation_acceleration, move_sigma_m**-2),
        Term(shape_prior, shape_sigma**-2),
        Term(keypoint_bias_prior, keypoint_bias_m**-2, data={"nearer": NEARER})
        if sigma is not None
        else Term(keypoint_bias_prior, BIAS_IN_NOISE**-2, data={"in_noise": True, "nearer": NEARER}),
        Term(body_height, height_sigma_m**-2, optional=True),
    ]
    if head_sigma_rad is not None:
        terms.append(Term(head_turn, head_sigma_rad**-2, GemanMcClure(HEAD_SCALE_RAD), optional=True))
    if outline_sigma_m is not None:
        kernel = outline_kernel_m or Annealed(10 * outline_sigma_m, 3 * outline_sigma_m)
        outline = Term(
            contour_distance,
            INDEPENDENT_OUTLINE * outline_sigma_m**-2,
            GemanMcClure(kernel),
            data={"in_metres": True, **(outline_options or {})},
        )
        terms.insert(1, outline)
    if within_sigma_m is not None:
        weight, data = INDEPENDENT_OUTLINE * within_sigma_m**-2, {"in_metres": True, "usual_m": USUALLY_BEYOND_M}
        terms.append(Term(hands_within, weight, GemanMcClure(WITHIN_SCALE_M), data=data))
    if floor_sigma_m is not None:
        terms.append(Term(feet_on_floor, floor_sigma_m**-2, GemanMcClure(FLOOR_SCALE_M)))
    if slide_sigma_m is not None:
        stepping = {"where_stepping": True}
        terms.append(Term(foot_contact, slide_sigma_m**-2, GemanMcClure(SLIDE_SCALE_M), data=stepping))
    if step_sigma_m is not None:
        terms.append(Term(straight_steps, step_sigma_m**-2))
    if leg_sigma_rad is not None:
        terms.append(Term(still_legs, leg_sigma_rad**-2))
    return tuple(terms)


def hand_terms(scale_m: Value = HAND_SCALE_M) -> tuple[Term, ...]:
    """Return the terms of the hands' points, which are left out where none were seen or the body has no fingers.

    ``scale_m``: the points' Geman–McClure scale.
    """
    points = Term(
        hand_reprojection,
        INDEPENDENT_HAND * HAND_SIGMA_M**-2,
        GemanMcClure(scale_m),
        data={"in_metres": True},
        optional=True,
    )
    return (points, Term(relaxed_fingers, FINGERS_SIGMA_RAD**-2, optional=True))
