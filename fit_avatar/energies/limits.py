"""Terms on what joints can do: one-sided limits of their angles, and a prior against bending the wrong way.

Angles are the components of a joint's axis-angle in SMPL's T-pose, where all joints' axes are the body's: x to its
left, y up, z forward. So leaning forward and bending a knee turn about +x, bending the left elbow about −y and the
right one about +y, and turning to the left about +y.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.constants import numbers, places
from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

Range = tuple[float, float]

LIMITS: dict[str, tuple[Range, Range, Range]] = {
    "spine1": ((-15, 35), (-15, 15), (-15, 15)),
    "spine2": ((-12, 25), (-15, 15), (-12, 12)),
    "spine3": ((-12, 20), (-20, 20), (-12, 12)),
    "neck": ((-35, 35), (-45, 45), (-25, 25)),
    "head": ((-30, 30), (-45, 45), (-25, 25)),
    "left_elbow": ((-90, 90), (-155, 5), (-30, 30)),
    "left_knee": ((-5, 150), (-30, 30), (-15, 15)),
}
"""Lowest and highest angle about x, y and z in degrees; the right side is the left one's mirror image.

The usual ranges of motion of adults, with a few degrees of slack: elbows bend to about 150° and knees to 140°, hardly
backwards; the trunk bends 80° forward, 30° back and 35° to a side, and turns 45°, shared by the spine's joints; neck
and head together bend 45 to 60° and turn 80°. An elbow's x is the forearm's turn about itself. Angles about y and z at
elbow and knee are looser than bones allow, because the body's joints are not where the bones' are.
"""

BENDING = {"left_elbow": (1, 1.0), "right_elbow": (1, -1.0), "left_knee": (0, -1.0), "right_knee": (0, -1.0)}
"""Axis of a hinge, and the sign of bending it the wrong way."""


def _limits_jacobian(x: PosedBody) -> Blocks:
    joints, lowest, highest = _limits(x)
    angles = x.body_pose[..., places(joints, x.body_pose), :]
    beyond = ((angles > highest) | (angles < lowest)).to(angles)
    slopes = rotation.right_jacobian_inverse(angles) * beyond[..., None]  # [..., T, n, 3, 3]
    whole = slopes.new_zeros(*slopes.shape[:-1], x.body_pose.shape[-2], 3)
    for i, joint in enumerate(joints):
        whole[..., i, :, joint, :] = slopes[..., i, :, :]
    return Blocks({"body_pose": whole.flatten(-4, -3).flatten(-2)})  # [..., T, 3n, 3 (J−1)]


@energy(jacobian=_limits_jacobian)
def joint_limits(x: PosedBody) -> Tensor:
    """How far angles are beyond their limits, zero between them; positive above, negative below. [..., T, n, 3] radians

    n counts the joints of :data:`LIMITS` on both sides that the body has.
    """
    joints, lowest, highest = _limits(x)
    angles = x.body_pose[..., places(joints, x.body_pose), :]
    return (angles - highest).clamp_min(0) - (lowest - angles).clamp_min(0)


def angles_beyond(angles: Tensor, joint: str) -> Tensor:
    """Return how far the angles of one joint of :data:`LIMITS` are beyond its limits. [..., 3] → [..., 3] radians"""
    _, lowest, highest = _table((joint,))
    return (angles - numbers(highest, angles)).clamp_min(0) - (numbers(lowest, angles) - angles).clamp_min(0)


def _bending_jacobian(x: PosedBody) -> Blocks:
    names = x.body.joint_names[1:]
    rows = []
    for name, (axis, sign) in BENDING.items():
        angles = x.body_pose[..., names.index(name), :]
        row = torch.zeros_like(x.body_pose)
        slope = rotation.right_jacobian_inverse(angles)[..., axis, :]
        row[..., names.index(name), :] = slope * (sign * (sign * angles[..., axis : axis + 1]).exp())
        rows.append(row.flatten(-2))
    return Blocks({"body_pose": torch.stack(rows, -2)})


@energy(jacobian=_bending_jacobian)
def bending_prior(x: PosedBody) -> Tensor:
    """Exponential of the angles by which elbows and knees bend the wrong way. [..., T, 4]

    It is 1 at a straight joint and less at a bent one; it never vanishes, but pulls hard only at joints that bend
    backwards.

    Source: Bogo et al. 2016 (SMPLify), section 3.2; squared as by Pavlakos et al. 2019 (SMPLify-X).
    """
    names = x.body.joint_names[1:]
    angles = [x.body_pose[..., names.index(name), axis] * sign for name, (axis, sign) in BENDING.items()]
    return torch.stack(angles, -1).exp()


@cache
def _table(
    names: tuple[str, ...],
) -> tuple[tuple[int, ...], tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """Return the joints that have limits, as places below the root, and the limits in radians."""
    joints, lowest, highest = [], [], []
    for j, name in enumerate(names):
        mirrored = name.startswith("right_")
        ranges = LIMITS.get(name.replace("right_", "left_"))
        if ranges is not None:
            # Turning about y and z changes its sign in the mirror.
            sides = [(-b, -a) if mirrored and axis else (a, b) for axis, (a, b) in enumerate(ranges)]
            joints.append(j)
            lowest.append(tuple(math.radians(a) for a, _ in sides))
            highest.append(tuple(math.radians(b) for _, b in sides))
    return tuple(joints), tuple(lowest), tuple(highest)


def _limits(x: PosedBody) -> tuple[tuple[int, ...], Tensor, Tensor]:
    joints, lowest, highest = _table(x.body.joint_names[1:])
    return joints, numbers(lowest, x.transl), numbers(highest, x.transl)
