"""Terms on the shape alone. Betas in standard deviations, stature and offsets in metres."""

from __future__ import annotations

import torch
from torch import Tensor


def shape_prior(betas: Tensor) -> Tensor:
    """Betas are standard normal by construction. [B] → [B]"""
    return betas


def stature(vertices: Tensor, height_m: float) -> Tensor:
    """Naked height of the body standing in its bind pose, minus the person's. vertices [V, 3] → [] metres"""
    return vertices[:, 1].amax() - vertices[:, 1].amin() - height_m


def plane_distance(vertices: Tensor, planes: Tensor, shift: Tensor) -> Tensor:
    """Distance of rim vertices from un-posed tangent planes of the viewing cone.

    The plane N·X = 0 of the posed space becomes (AᵀN)·v + N·b = 0 in the bind pose, where the vertex is
    skinned by X = A v + b. Constraining only along N leaves the surface free to slide on the ray.

    vertices [M, 3], planes = AᵀN [M, 3], shift = N·b [M] → [M] metres

    Source: after Alldieck et al. 2018, section 3.2 (un-posed rays).
    """
    return (vertices * planes).sum(-1) + shift


def laplacian(offsets: Tensor, operator: Tensor) -> Tensor:
    """Unevenness of the offsets: they stay smooth while the body's own detail is kept.

    offsets [V, 3], operator sparse [V, V] → [V, 3] metres
    """
    smoothed: Tensor = torch.sparse.mm(operator, offsets)
    return smoothed


def symmetry(offsets: Tensor, mirror: Tensor) -> Tensor:
    """Offsets minus those of the other side, mirrored. offsets [V, 3], mirror [V] → [V, 3] metres"""
    return offsets - offsets[mirror] * offsets.new_tensor([-1.0, 1.0, 1.0])


def offset_prior(offsets: Tensor) -> Tensor:
    """Clothes are thin. offsets [V, 3] → [V, 3] metres"""
    return offsets
