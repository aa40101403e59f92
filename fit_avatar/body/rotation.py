"""Rotations in three dimensions, batched: axis-angle to matrix and back."""

from __future__ import annotations

import torch
from torch import Tensor


def skew(vector: Tensor) -> Tensor:
    """Return the cross-product matrices of vectors. [..., 3] → [..., 3, 3]"""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape[:-1], 3, 3)


def exp(axis_angle: Tensor) -> Tensor:
    """Return rotation matrices from axis-angle vectors (Rodrigues). [..., 3] → [..., 3, 3]

    Smooth at zero, for derivatives of any order.
    """
    squared = (axis_angle * axis_angle).sum(-1)[..., None, None]
    small = squared < 1e-6
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    a = torch.where(small, 1 - squared / 6 + squared**2 / 120, angle.sin() / angle)
    b = torch.where(small, 0.5 - squared / 24 + squared**2 / 720, (1 - angle.cos()) / safe)
    cross = skew(axis_angle)
    return torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device) + a * cross + b * (cross @ cross)


def log(rotation: Tensor) -> Tensor:
    """Return axis-angle vectors with angle in [0, π] from rotation matrices. [..., 3, 3] → [..., 3]"""
    m = rotation
    # Four candidate quaternions, each stable where its own component is the largest.
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    diagonal = torch.stack([trace, m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]], -1)
    best = diagonal.argmax(-1)
    xy, xz, yz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d0, d1, d2 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    candidates = torch.stack(
        [
            torch.stack([1 + trace, wx, wy, wz], -1),
            torch.stack([wx, 1 + d0 - d1 - d2, xy, xz], -1),
            torch.stack([wy, xy, 1 - d0 + d1 - d2, yz], -1),
            torch.stack([wz, xz, yz, 1 - d0 - d1 + d2], -1),
        ],
        -2,
    )
    quaternion = torch.gather(candidates, -2, best[..., None, None].expand(*best.shape, 1, 4))[..., 0, :]
    quaternion = torch.nn.functional.normalize(quaternion, dim=-1)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    w, xyz = quaternion[..., 0], quaternion[..., 1:]
    squared = (xyz * xyz).sum(-1)
    small = squared < 1e-12
    sine = torch.where(small, torch.ones_like(squared), squared).sqrt()
    factor = torch.where(small, torch.full_like(w, 2.0), 2 * torch.atan2(sine, w) / sine)
    return factor[..., None] * xyz


def nearest(matrix: Tensor) -> Tensor:
    """Return the rotation R that is nearest to a matrix M, which maximises tr(Rᵀ M). [..., 3, 3]

    Source: Kabsch 1976 (A solution for the best rotation to relate two sets of vectors).
    """
    left, _, right = torch.linalg.svd(matrix)
    sign = torch.ones_like(left[..., 0])
    sign[..., -1] = torch.linalg.det(left @ right)
    found: Tensor = left * sign[..., None, :] @ right
    return found


def between(start: Tensor, end: Tensor) -> Tensor:
    """Return the smallest rotations that turn directions into others, which are not opposite. [..., 3] → [..., 3, 3]"""
    start, end = (torch.nn.functional.normalize(each, dim=-1) for each in (start, end))
    axis = torch.linalg.cross(start, end)
    sine = axis.norm(dim=-1, keepdim=True)
    angle = torch.atan2(sine, (start * end).sum(-1, keepdim=True))
    return exp(axis / sine.clamp_min(1e-9) * angle)


def right_jacobian_inverse(axis_angle: Tensor) -> Tensor:
    """Return J with log(R exp(ω)) ≈ log(R) + J ω, at r = log(R). [..., 3] → [..., 3, 3]

    For a perturbation from the left, log(exp(ω) R), it is the same at −r. Source: Solà et al. 2018, equation 144.
    """
    squared = (axis_angle * axis_angle).sum(-1)[..., None, None]
    small = squared < 1e-4
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    factor = torch.where(small, 1 / 12 + squared / 720, 1 / safe - 1 / (2 * angle * (angle / 2).tan()))
    cross = skew(axis_angle)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + cross / 2 + factor * (cross @ cross)
