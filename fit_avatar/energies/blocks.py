"""The derivative of a residual, sorted by unknowns, and the one place in which points are differentiated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fit_avatar.body.skinning import PointJacobian, point_jacobian
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody


@dataclass(frozen=True)
class Blocks:
    """A residual's derivative to the unknowns that it depends on, by their names.

    The residual's trailing dimensions are flattened to M; d counts an unknown's degrees of freedom. A rotation R
    moves by R exp(ω).
    """

    frames: Mapping[str, Tensor] = field(default_factory=dict)
    """Of unknowns of each frame: [..., R, M, d], or [..., R, n, M, d] where a row sees n neighbouring frames."""
    shared: Mapping[str, Tensor] = field(default_factory=dict)
    """Of unknowns that all frames share. [..., R, M, d]"""
    missing: tuple[str, ...] = ()
    """Unknowns whose derivative is not in closed form: where one of them is free, autograd is used."""


def point_blocks(x: PosedBody, read: PosedPoints, slopes: Tensor, rows: int) -> Blocks:
    """Return the derivative of residuals that depend on points, by the chain rule.

    Args:
        x: the posed body.
        read: the N points.
        slopes: derivative of C residuals to each of the points. [..., T, N, C, 3]
        rows: each of so many rows of C residuals is the sum over N / rows consecutive points.
    """
    jacobian = point_jacobian(
        x.body, read.skeleton, read.rest, read.points.weights, read.points.basis, slopes, read.points.pose_basis
    )
    frames = {
        "global_orient": jacobian.pose[..., :1, :].flatten(-2),
        "body_pose": jacobian.pose[..., 1:, :].flatten(-2),
        "transl": jacobian.transl,
    }
    shared = {"betas": jacobian.betas[..., : x.betas.shape[-1]]}
    if x.has("expression"):
        frames["expression"] = jacobian.betas[..., x.betas.shape[-1] :]
    if read.keypoint_bias and x.has("keypoint_bias"):
        shared["keypoint_bias"] = _each_its_own(jacobian.rest)
    if read.vertices is not None and x.has("surface_shift"):
        shared["surface_shift"] = _by_surface_shift(x, read, jacobian)

    def summed(block: Tensor) -> Tensor:
        """[..., T, N, C, d] → [..., T, rows · C, d]"""
        each = block.shape[-3] // rows if rows else 1
        whole: Tensor = block if each == 1 else block.unflatten(-3, (rows, each)).sum(-3)
        return whole.flatten(-3, -2)

    return Blocks(
        {name: summed(block) for name, block in frames.items()},
        {name: summed(block) for name, block in shared.items()},
        missing=() if read.vertices is None else ("offsets",),
    )


def block_diagonal(blocks: Tensor) -> Tensor:
    """Put each joint's 3 × 3 block on the diagonal. [..., J, 3, 3] → [..., 3J, 3J]"""
    return _each_its_own(blocks).flatten(-3, -2)


def identity_block(value: Tensor) -> Tensor:
    """Return the derivative of an unknown to itself. [..., R, n] → [..., R, n, n]"""
    identity = torch.eye(value.shape[-1], dtype=value.dtype, device=value.device)
    return identity.expand(*value.shape, -1)


def _each_its_own(blocks: Tensor) -> Tensor:
    """Put the n-th of N blocks into the columns of the n-th of N vectors. [..., N, C, 3] → [..., N, C, 3N]"""
    count, rows, width = blocks.shape[-3:]
    whole = blocks.new_zeros(*blocks.shape[:-3], count, rows, count, width)
    torch.diagonal(whole, dim1=-4, dim2=-2).copy_(blocks.movedim(-3, -1))
    return whole.flatten(-2)


def _by_surface_shift(x: PosedBody, read: PosedPoints, jacobian: PointJacobian) -> Tensor:
    """Return the derivative to shifts and turns of the surface about each joint. [..., T, N, C, J·6]"""
    arm = (read.points.template[..., None, :] - x.body.joint_template)[..., None, :, :]
    pulled = jacobian.rest[..., None, :].expand(*jacobian.rest.shape[:-1], arm.shape[-2], 3)
    turned = torch.linalg.cross(arm.expand_as(pulled), pulled)
    wrench = torch.cat([pulled, turned], -1)
    return (read.points.weights[..., None, :, None] * wrench).flatten(-2)
