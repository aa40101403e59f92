"""Terms on the shape alone. Betas in standard deviations, body_height and biases in metres."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body.skinning import shaped
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import Blocks, energy

BONE_M = 0.2
"""Length of a usual bone."""


@energy
def shape_prior(x: PosedBody) -> Tensor:
    """Betas are standard normal by construction. [..., 1, B]"""
    return x.betas


@shape_prior.with_jacobian
def _(x: PosedBody) -> Blocks:
    return Blocks(shared={"betas": _identity(x.betas)})


@energy
def expression_prior(x: PosedBody) -> Tensor:
    """Faces are mostly at rest. [..., T, E] standard deviations; zero [..., T, 1] for a body without expression."""
    return x.expression if x.has("expression") else torch.zeros_like(x.transl[..., :1])


@expression_prior.with_jacobian
def _(x: PosedBody) -> Blocks:
    return Blocks({"expression": _identity(x.expression)} if x.has("expression") else {})


@energy
def body_height(x: PosedBody, height_m: float) -> Tensor:
    """Naked height of the body in its bind pose, in which it stands, minus the person's. [..., 1] metres"""
    heights = shaped(x.body, x.betas)[..., x.body.skin, 1]  # a smile makes nobody taller
    return heights.amax(-1) - heights.amin(-1) - height_m


@body_height.with_jacobian
def _(x: PosedBody, height_m: float) -> Blocks:
    heights = shaped(x.body, x.betas)[..., x.body.skin, 1]  # a smile makes nobody taller
    basis = x.body.shape_basis[x.body.skin, 1]  # [N, B (+ E)]
    slope = (basis[heights.argmax(-1)] - basis[heights.argmin(-1)]).unsqueeze(-2)
    return Blocks(shared={"betas": slope[..., : x.betas.shape[-1]]})


@energy
def surface_shift_prior(x: PosedBody) -> Tensor:
    """The surface hardly moves against its bones in one solve. [..., 1, J, 6] metres, turns at the end of a bone"""
    return x.surface_shift * _bone(x.surface_shift)


@surface_shift_prior.with_jacobian
def _(x: PosedBody) -> Blocks:
    scale = _bone(x.surface_shift).repeat(x.surface_shift.shape[-2])
    return Blocks(shared={"surface_shift": _identity(x.surface_shift.flatten(-2)) * scale})


def _bone(shift: Tensor) -> Tensor:
    """Return what makes shifts and turns of a bone's surface alike. [6]"""
    return shift.new_tensor([1.0, 1.0, 1.0, BONE_M, BONE_M, BONE_M])


@energy
def keypoint_bias_prior(x: PosedBody, in_noise: bool = False, noise_m: Tensor | float = 0.03) -> Tensor:
    """The detector's idea of a keypoint is near the body's, and differs the same way in all frames.

    → [..., 1, K, 3] metres, or with ``in_noise`` in units of the detector's noise, which a stage may have measured.
    """
    return x.keypoint_bias / noise_m if in_noise else x.keypoint_bias


@keypoint_bias_prior.with_jacobian
def _(x: PosedBody, in_noise: bool = False, noise_m: Tensor | float = 0.03) -> Blocks:
    identity = _identity(x.keypoint_bias.flatten(-2))
    return Blocks(shared={"keypoint_bias": identity / noise_m if in_noise else identity})


def _identity(value: Tensor) -> Tensor:
    """Return the derivative of an unknown to itself. [..., R, n] → [..., R, n, n]"""
    identity = torch.eye(value.shape[-1], dtype=value.dtype, device=value.device)
    return identity.expand(*value.shape, -1)
