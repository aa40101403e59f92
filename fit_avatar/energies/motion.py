"""Terms on motion: smoothness in time of rotations, of the translation and of joints in space.

Frames may be unevenly spaced: ``steps`` are the intervals between them in units of the usual one, and ``pace`` is the
usual one in thirtieths of a second, so that a term means the same at any frame rate. Residuals are in radians or
metres.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.energies.pose import LOOSE_ROOT, between, block_diagonal, looseness
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import Blocks, energy

# -- rotations ------------------------------------------------------------------------------------------------


@energy(steps="T-1")
def rotation_velocity(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Tensor:
    """Every joint's angular velocity between neighbouring frames. steps [..., T−1] → [..., T−1, J, 3] radians

    Against the joints' looseness, and per ``pace``. It damps motion; accelerations only smooth it.

    Source: Alldieck et al. 2018, section 3.1 (differences from the frame before).
    """
    return _turned(x) / steps[..., None, None] / (_with_root(x) * pace)


@rotation_velocity.with_jacobian
def _(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Blocks:
    before, after = _slopes(x, steps)
    return _rotation_blocks(torch.stack([before, after], -4) / (_with_root(x)[..., None] * pace))


@energy(steps="T-1")
def rotation_acceleration(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Tensor:
    """Change of every joint's angular velocity between neighbouring frames. [..., T−2, J, 3] radians

    Against the joints' looseness, and per ``pace``²: frames twice as far apart differ twice as much in velocity,
    and move twice as long.

    Args:
        x: the posed body.
        steps: frame intervals in units of the usual one. [..., T−1]
        pace: the usual frame interval, in thirtieths of a second.
    """
    velocity = _turned(x) / steps[..., None, None]
    return (velocity[..., 1:, :, :] - velocity[..., :-1, :, :]) / (_with_root(x) * pace**2)


@rotation_acceleration.with_jacobian
def _(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Blocks:
    before, after = _slopes(x, steps)
    first, second, third = -before[..., :-1, :, :, :], before[..., 1:, :, :, :], after[..., 1:, :, :, :]
    second = second - after[..., :-1, :, :, :]
    return _rotation_blocks(torch.stack([first, second, third], -4) / (_with_root(x)[..., None] * pace**2))


# -- translation ----------------------------------------------------------------------------------------------


@energy(steps="T-1")
def translation_velocity(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Tensor:
    """Velocity of the root, per ``pace`` as for rotations. steps [..., T−1] → [..., T−1, 3] metres

    Source: Alldieck et al. 2018, section 3.1 (differences from the frame before).
    """
    return (x.transl[..., 1:, :] - x.transl[..., :-1, :]) / (steps[..., None] * pace)


@translation_velocity.with_jacobian
def _(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Blocks:
    rate = 1 / (steps * pace)
    return Blocks({"transl": _stencil(x, torch.stack([-rate, rate], -1))})


@energy(steps="T-1")
def translation_acceleration(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Tensor:
    """Change of velocity, per ``pace``² as for rotations. steps [..., T−1] → [..., T−2, 3] metres"""
    velocity = (x.transl[..., 1:, :] - x.transl[..., :-1, :]) / steps[..., None]
    return (velocity[..., 1:, :] - velocity[..., :-1, :]) / pace**2


@translation_acceleration.with_jacobian
def _(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Blocks:
    before, after = 1 / steps[..., :-1], 1 / steps[..., 1:]
    return Blocks({"transl": _stencil(x, torch.stack([before, -before - after, after], -1) / pace**2)})


# -- joints in space ------------------------------------------------------------------------------------------


@energy(steps="T-1")
def joint_velocity(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Tensor:
    """Velocity of every joint in space, per ``pace``. steps [..., T−1] → [..., T−1, J, 3] metres

    A degree at the hip moves the foot more than one at the ankle: here both count by what they move.
    """
    return (x.joints[..., 1:, :, :] - x.joints[..., :-1, :, :]) / (steps[..., None, None] * pace)


@energy(steps="T-1")
def joint_acceleration(x: PosedBody, steps: Tensor, pace: float = 1.0) -> Tensor:
    """Change of every joint's velocity in space, per ``pace``². steps [..., T−1] → [..., T−2, J, 3] metres

    Source: after Rempe et al. 2021 (HuMoR), the joints' smoothness of their test-time optimisation.
    """
    velocity = (x.joints[..., 1:, :, :] - x.joints[..., :-1, :, :]) / steps[..., None, None]
    return (velocity[..., 1:, :, :] - velocity[..., :-1, :, :]) / pace**2


# -- helpers --------------------------------------------------------------------------------------------------


def _turned(x: PosedBody) -> Tensor:
    """Return the turn of every joint from frame to frame. [..., T−1, J, 3]"""
    return between(x.rotations[..., :-1, :, :, :], x.rotations[..., 1:, :, :, :])


def _slopes(x: PosedBody, steps: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of v_t = turn / step to the rotations of frames t and t + 1. [..., T−1, J, 3, 3] twice"""
    turned, rate = _turned(x), steps[..., None, None, None]
    before = -rotation.right_jacobian_inverse(-turned) / rate
    return before, rotation.right_jacobian_inverse(turned) / rate


def _rotation_blocks(stencil: Tensor) -> Blocks:
    """Sort [..., R, n, J, 3, 3] by unknowns."""
    whole = block_diagonal(stencil)
    return Blocks({"global_orient": whole[..., :3], "body_pose": whole[..., 3:]})


def _stencil(x: PosedBody, rates: Tensor) -> Tensor:
    """Return the same rates for all three axes and all clips. [..., R, n] → [..., R, n, 3, 3]"""
    whole = rates[..., None, None] * torch.eye(3, dtype=rates.dtype, device=rates.device)
    return whole.expand(*x.transl.shape[:-2], *whole.shape[-4:])


def _with_root(x: PosedBody) -> Tensor:
    """Return the looseness of all joints, none so stiff that it could not be seen to move. [J, 1]"""
    loose = looseness(x).clamp_min(0.3)
    return torch.cat([loose.new_full((1, 1), LOOSE_ROOT), loose])
