"""Terms on the shape alone. Betas in standard deviations, stature and biases in metres."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.body.skinning import shaped
from fit_avatar.energies.scene import Scene
from fit_avatar.energies.term import Blocks, energy


@energy
def shape_prior(x: Scene) -> Tensor:
    """Betas are standard normal by construction. [..., 1, B]"""
    return x.betas


@shape_prior.with_jacobian
def _(x: Scene) -> Blocks:
    return Blocks(shared={"betas": _identity(x.betas)})


@energy
def expression_prior(x: Scene) -> Tensor:
    """Faces are mostly at rest. [..., T, E] standard deviations; zero [..., T, 1] for a body without expression."""
    return x.expression if x.has("expression") else torch.zeros_like(x.transl[..., :1])


@expression_prior.with_jacobian
def _(x: Scene) -> Blocks:
    return Blocks({"expression": _identity(x.expression)} if x.has("expression") else {})


@energy
def stature(x: Scene, height_m: float) -> Tensor:
    """Naked height of the body in its bind pose, in which it stands, minus the person's. [..., 1] metres"""
    heights = shaped(x.body, x.betas)[..., x.body.skin, 1]  # a smile makes nobody taller
    return heights.amax(-1) - heights.amin(-1) - height_m


@stature.with_jacobian
def _(x: Scene, height_m: float) -> Blocks:
    heights = shaped(x.body, x.betas)[..., x.body.skin, 1]  # a smile makes nobody taller
    basis = x.body.shape_basis[x.body.skin, 1]  # [N, B (+ E)]
    slope = (basis[heights.argmax(-1)] - basis[heights.argmin(-1)]).unsqueeze(-2)
    return Blocks(shared={"betas": slope[..., : x.betas.shape[-1]]})


@energy
def keypoint_bias_prior(x: Scene) -> Tensor:
    """The detector's idea of a keypoint is near the body's, and differs the same way in all frames. [..., 1, K, 3]"""
    return x.keypoint_bias


@keypoint_bias_prior.with_jacobian
def _(x: Scene) -> Blocks:
    return Blocks(shared={"keypoint_bias": _identity(x.keypoint_bias.flatten(-2))})


def _identity(value: Tensor) -> Tensor:
    """Return the derivative of an unknown to itself. [..., R, n] → [..., R, n, n]"""
    identity = torch.eye(value.shape[-1], dtype=value.dtype, device=value.device)
    return identity.expand(*value.shape, -1)
