"""Terms on motion: smoothness in time of rotations, of the translation and of joints in space.

Residuals are per thirtieth of a second, so that a standard deviation means the same at any frame rate, and frames may
be unevenly spaced: a velocity is a difference over its frame interval, an acceleration a difference of velocities over
the median frame interval, both intervals counted in thirtieths of a second. An interval of more than a hundred usual
ones stands for a cut of the video: residuals across it nearly vanish. Residuals are in radians or metres.

The observation ``frame_intervals_s`` holds the seconds between neighbouring frames. [..., T−1] Of a camera that turns
on the spot, ``world_from_camera`` holds the rotation from its axes to the world's, so that accelerations are those of
the person and not the camera's. [..., T, 3, 3]
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.energies.blocks import Blocks, block_diagonal
from fit_avatar.energies.pose import LEAST_LOOSE, LOOSE_ROOT, between, joint_factors, looseness
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

REFERENCE_RATE_HZ = 30.0
"""Residuals are per frame of a video of this rate."""
CUT = 100.0
"""An interval of more usual ones than this stands for a cut of the video, across which nothing goes on."""

# -- rotations ------------------------------------------------------------------------------------------------


def _rotation_velocity_jacobian(x: PosedBody, frame_intervals_s: Tensor) -> Blocks:
    return _rotation_blocks(torch.stack(_slopes(x, frame_intervals_s), -4) / _with_root(x)[..., None])


@energy(observes=("frame_intervals_s",), jacobian=_rotation_velocity_jacobian, frame_intervals_s="T-1")
def rotation_velocity(x: PosedBody, frame_intervals_s: Tensor) -> Tensor:
    """Every joint's angular velocity between neighbouring frames, against its looseness. [..., T−1, J, 3] radians

    It damps motion; accelerations only smooth it.

    Source: Alldieck et al. 2018, section 3.1 (differences from the frame before).
    """
    return _turned(x) / (_reference_frames(frame_intervals_s)[..., None, None] * _with_root(x))


def _rotation_acceleration_jacobian(
    x: PosedBody,
    frame_intervals_s: Tensor,
    world_from_camera: Tensor | None = None,
    looser: Mapping[str, float] | None = None,
) -> Blocks:
    before, after = _slopes(x, frame_intervals_s, world_from_camera)
    first, second, third = -before[..., :-1, :, :, :], before[..., 1:, :, :, :], after[..., 1:, :, :, :]
    second = second - after[..., :-1, :, :, :]
    scale = _with_root(x, looser)[..., None] * _acceleration_interval(frame_intervals_s)[..., None, None, None, None]
    return _rotation_blocks(torch.stack([first, second, third], -4) / scale)


@energy(
    observes=("frame_intervals_s", "world_from_camera"),
    jacobian=_rotation_acceleration_jacobian,
    frame_intervals_s="T-1",
    world_from_camera="T 3 3",
)
def rotation_acceleration(
    x: PosedBody,
    frame_intervals_s: Tensor,
    world_from_camera: Tensor | None = None,
    looser: Mapping[str, float] | None = None,
) -> Tensor:
    """Change of every joint's angular velocity, against its looseness. [..., T−2, J, 3] radians

    ``looser`` names joints, or both sides' as "elbow", that move so many times as freely as usual; below 1 they
    move more steadily. Any that the body lacks are left out.
    """
    velocity = _turned(x, world_from_camera) / _reference_frames(frame_intervals_s)[..., None, None]
    change = velocity[..., 1:, :, :] - velocity[..., :-1, :, :]
    return change / (_with_root(x, looser) * _acceleration_interval(frame_intervals_s)[..., None, None])


# -- translation ----------------------------------------------------------------------------------------------


def _translation_velocity_jacobian(x: PosedBody, frame_intervals_s: Tensor) -> Blocks:
    rate = 1 / _reference_frames(frame_intervals_s)
    return Blocks({"transl": _stencil(x, torch.stack([-rate, rate], -1))})


@energy(observes=("frame_intervals_s",), jacobian=_translation_velocity_jacobian, frame_intervals_s="T-1")
def translation_velocity(x: PosedBody, frame_intervals_s: Tensor) -> Tensor:
    """Velocity of the root. [..., T−1, 3] metres

    Source: Alldieck et al. 2018, section 3.1 (differences from the frame before).
    """
    return (x.transl[..., 1:, :] - x.transl[..., :-1, :]) / _reference_frames(frame_intervals_s)[..., None]


def _translation_acceleration_jacobian(
    x: PosedBody, frame_intervals_s: Tensor, world_from_camera: Tensor | None = None
) -> Blocks:
    rate = 1 / _reference_frames(frame_intervals_s)
    before, after = rate[..., :-1], rate[..., 1:]
    rates = torch.stack([before, -before - after, after], -1) / _acceleration_interval(frame_intervals_s)[..., None]
    stencil = _stencil(x, rates)
    if world_from_camera is not None:
        three = [world_from_camera[..., first : last or None, :, :] for first, last in ((0, -2), (1, -1), (2, 0))]
        stencil = stencil @ torch.stack(three, -3)
    return Blocks({"transl": stencil})


@energy(
    observes=("frame_intervals_s", "world_from_camera"),
    jacobian=_translation_acceleration_jacobian,
    frame_intervals_s="T-1",
    world_from_camera="T 3 3",
)
def translation_acceleration(
    x: PosedBody, frame_intervals_s: Tensor, world_from_camera: Tensor | None = None
) -> Tensor:
    """Change of the root's velocity. [..., T−2, 3] metres"""
    places = x.transl
    if world_from_camera is not None:
        rest = (x.joints[..., 0, :] - x.transl).detach()  # betas move it by far less than the person moves
        places = (world_from_camera @ (rest + x.transl)[..., None])[..., 0]
    velocity = (places[..., 1:, :] - places[..., :-1, :]) / _reference_frames(frame_intervals_s)[..., None]
    return (velocity[..., 1:, :] - velocity[..., :-1, :]) / _acceleration_interval(frame_intervals_s)[..., None]


# -- joints in space ------------------------------------------------------------------------------------------


@energy(observes=("frame_intervals_s",), frame_intervals_s="T-1")
def joint_velocity(x: PosedBody, frame_intervals_s: Tensor) -> Tensor:
    """Velocity of every joint in space. [..., T−1, J, 3] metres

    A degree at the hip moves the foot more than one at the ankle: here both count by what they move.
    """
    difference = x.joints[..., 1:, :, :] - x.joints[..., :-1, :, :]
    return difference / _reference_frames(frame_intervals_s)[..., None, None]


@energy(observes=("frame_intervals_s",), frame_intervals_s="T-1")
def joint_acceleration(
    x: PosedBody, frame_intervals_s: Tensor, joints: tuple[str, ...] | None = None, against_root: bool = False
) -> Tensor:
    """Change of every joint's velocity in space. [..., T−2, J, 3] metres

    ``joints`` names those that count; any that the body lacks are left out. ``against_root`` takes their velocity
    against the root's, so that a body may accelerate as a whole, and turn, but not sway back and forth.

    Source: after Rempe et al. 2021 (HuMoR), the joints' smoothness of their test-time optimisation.
    """
    moving = x.joints
    if joints is not None:
        chosen = [x.body.joint_names.index(name) for name in joints if name in x.body.joint_names]
        moving = torch.cat([x.joints[..., :0, :], *(x.joints[..., j : j + 1, :] for j in chosen)], -2)
    if against_root:
        moving = moving - x.joints[..., :1, :]
    return acceleration(moving, frame_intervals_s)


def acceleration(points: Tensor, frame_intervals_s: Tensor) -> Tensor:
    """Return how points' velocities change in a thirtieth of a second. [..., T, N, 3], [..., T−1] → [..., T−2, N, 3]"""
    velocity = (points[..., 1:, :, :] - points[..., :-1, :, :]) / _reference_frames(frame_intervals_s)[..., None, None]
    change = velocity[..., 1:, :, :] - velocity[..., :-1, :, :]
    return change / _acceleration_interval(frame_intervals_s)[..., None, None]


# -- helpers --------------------------------------------------------------------------------------------------


def _reference_frames(frame_intervals_s: Tensor) -> Tensor:
    """Return frame intervals in thirtieths of a second. [..., T−1]"""
    return frame_intervals_s * REFERENCE_RATE_HZ


def _median(frame_intervals_s: Tensor) -> Tensor:
    """Return the median frame interval in thirtieths of a second, 1 where there is none. [..., 1]"""
    if not frame_intervals_s.shape[-1]:
        return frame_intervals_s.new_ones(1)
    return _reference_frames(frame_intervals_s).median(-1, keepdim=True).values


def _acceleration_interval(frame_intervals_s: Tensor) -> Tensor:
    """Return what differences of neighbouring velocities are divided by, very long beside cuts. [..., T−2]"""
    usual, each = _median(frame_intervals_s), _reference_frames(frame_intervals_s)
    longest = torch.maximum(each[..., 1:], each[..., :-1])
    return torch.where(longest > CUT * usual, longest, usual)


def _turned(x: PosedBody, world_from_camera: Tensor | None = None) -> Tensor:
    """Return the turn of every joint from frame to frame, the root's in the world. [..., T−1, J, 3]"""
    rotations = x.rotations
    if world_from_camera is not None:
        root = world_from_camera[..., None, :, :] @ rotations[..., :1, :, :]
        rotations = torch.cat([root, rotations[..., 1:, :, :]], -3)
    return between(rotations[..., :-1, :, :, :], rotations[..., 1:, :, :, :])


def _slopes(x: PosedBody, frame_intervals_s: Tensor, world_from_camera: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the derivatives of turn / interval to the rotations of frames t and t + 1. [..., T−1, J, 3, 3] twice"""
    turned, interval = _turned(x, world_from_camera), _reference_frames(frame_intervals_s)[..., None, None, None]
    before = -rotation.right_jacobian_inverse(-turned) / interval
    return before, rotation.right_jacobian_inverse(turned) / interval


def _rotation_blocks(stencil: Tensor) -> Blocks:
    """Sort [..., R, n, J, 3, 3] by unknowns."""
    whole = block_diagonal(stencil)
    return Blocks({"global_orient": whole[..., :3], "body_pose": whole[..., 3:]})


def _stencil(x: PosedBody, rates: Tensor) -> Tensor:
    """Return the same rates for all three axes and all clips. [..., R, n] → [..., R, n, 3, 3]"""
    whole = rates[..., None, None] * torch.eye(3, dtype=rates.dtype, device=rates.device)
    return whole.expand(*x.transl.shape[:-2], *whole.shape[-4:])


def _with_root(x: PosedBody, looser: Mapping[str, float] | None = None) -> Tensor:
    """Return the looseness of all joints, not too small, so that smoothness binds none entirely. [J, 1]"""
    loose = looseness(x).clamp_min(LEAST_LOOSE)
    if looser:
        loose = loose * joint_factors(x, looser)
    return torch.cat([loose.new_full((1, 1), LOOSE_ROOT), loose])
