"""People whose feet turn along with them, on a turntable or before a camera that goes around: their legs are still.

In the camera's axes both look alike: pelvis and feet turn as one piece, and no foot is ever still. Feet of people who
step stand while the pelvis turns above them. Which it is shows in how feet move against the pelvis, at any speed and
any frame rate, and for each part of a clip by itself: some people begin to step. Only movements along the picture are
compared, since those along the viewing ray are little known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fit_avatar.body.constants import numbers, places
from fit_avatar.body.keypoint_sets import BODY_25_FEET
from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.pose import pose_deviation
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

LEGS = ("hip", "knee", "ankle", "foot")
NEIGHBOURS_RAD = 0.8
"""Frames count together if the person turns by about this between them, as the standard deviation of a Gaussian: feet
beside the pelvis move along the picture only for a part of the turn. Chosen on rendered clips."""
APART_RAD = 0.24
"""Where neighbouring frames are farther apart in the turn, 26 to a turn, it is not known who steps: between two of them
there may be a whole step. With 30 to a turn, people who step depart by at least .45, with 20 by .15. Measured."""
ALONG, STEPS = 0.2, 0.35
"""How far feet depart from turning along, squared and against how far they would move: below the first they turn along,
above the second the person steps. Of eight rendered people who turn along it was at most .13 in any part of the clip
before poses are solved for in every frame, and of five who step at least .45 with 30 to 120 frames of a turn."""
LEAST_M = 1e-4
"""Movements of this size are none."""


def departure(root: Tensor, pelvis: Tensor, feet: Tensor) -> Tensor:
    """Return how far feet depart from turning with the pelvis about its vertical axis: 0 on a turntable, 1 standing.

    It is the sum of squares over neighbouring frames (:data:`NEIGHBOURS_RAD`), against that of the movements which
    turning along would make; 1 where nobody turns, and where frames are too few to tell (:data:`APART_RAD`).

    Args:
        root: rotations of the pelvis. [..., T, 3, 3]
        pelvis: its places. [..., T, 3] metres
        feet: middles of both feet. [..., T, 2, 3] metres

    Returns:
        [..., T]
    """
    up = normalize(root[..., 1].mean(-2), dim=-1)[..., None, :]  # [..., 1, 3]

    def level(vectors: Tensor, axis: Tensor) -> Tensor:
        return vectors - (vectors * axis).sum(-1, keepdim=True) * axis

    left = level(root[..., 0], up)
    before, after = left[..., :-1, :], left[..., 1:, :]
    sine = (torch.linalg.cross(before, after) * up).sum(-1)
    angle = torch.atan2(sine, (before * after).sum(-1))[..., None, None]  # [..., T−1, 1, 1]
    axis = up[..., None, :]
    arm = level(feet - pelvis[..., None, :], axis)  # [..., T, 2, 3]
    first = arm[..., :-1, :, :]
    along = (angle.cos() - 1) * first + angle.sin() * torch.linalg.cross(axis.expand_as(first), first)
    away = arm[..., 1:, :, :] - first - along
    departed, expected = (v[..., 0].square().sum(-1) + LEAST_M**2 for v in (away, along))  # [..., T−1]

    turned = angle[..., 0, 0].abs()
    at_frames = torch.cat([torch.zeros_like(turned[..., :1]), turned.cumsum(-1)], -1)  # [..., T]
    between = (at_frames[..., 1:] + at_frames[..., :-1]) / 2
    near = (-0.5 * ((at_frames[..., :, None] - between[..., None, :]) / NEIGHBOURS_RAD).square()).exp()
    apart, departed, expected = (near @ torch.stack([turned, departed, expected], -1)).unbind(-1)
    too_few = apart > APART_RAD * near.sum(-1)
    return torch.where(too_few, 1.0, departed / expected)


def steps_of(x: PosedBody) -> Tensor:
    """Return where a person steps: 1, and 0 where the feet turn along; a constant where derivatives are concerned.

    [..., T]; 1 for a single frame
    """
    pelvis = x.joints[..., 0, :].detach()
    if pelvis.shape[-2] < 2:
        return torch.ones_like(pelvis[..., 0])
    soles = x.read_points(x.body.keypoint_points.take(places(BODY_25_FEET, x.body.template))).posed.detach()
    found = departure(x.rotations[..., 0, :, :].detach(), pelvis, soles.unflatten(-2, (2, 3)).mean(-2))
    return ((found - ALONG) / (STEPS - ALONG)).clamp(0.0, 1.0)


# -- legs that are still --------------------------------------------------------------------------------------


def _along(x: PosedBody) -> Mapping[str, Any]:
    names = (name.removeprefix("left_").removeprefix("right_") for name in x.body.joint_names[1:])
    legs = numbers(tuple(float(name in LEGS) for name in names), x.rotations)
    return {"along": (1 - steps_of(x))[..., None, None] * legs[:, None]}


def _deviation_jacobian(x: PosedBody) -> Blocks:
    assert pose_deviation.jacobian is not None
    return pose_deviation.jacobian(x)


@energy(prepare=_along, makes=("along",), jacobian=_deviation_jacobian)
def still_legs(x: PosedBody, along: Tensor) -> tuple[Tensor, Tensor]:
    """How far joints are from the clip's mean pose; only those of legs that turn along count, which hardly move.

    Args:
        x: the posed body.
        along: how surely feet turn along, made by the preparation: 0 for joints of no leg. [..., T, J−1, 1]

    Returns:
        [..., T, J−1, 3] radians
    """
    deviation: Tensor = pose_deviation(x)
    return deviation, along.expand_as(deviation)
