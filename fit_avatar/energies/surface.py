"""Terms on the offsets of the surface from the body, in the bind pose. Residuals in metres, or radians of angles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from fit_avatar.body.mesh import neighbours
from fit_avatar.body.model import Body
from fit_avatar.body.operators import cotangent_laplacian
from fit_avatar.body.part_multipliers import LAPLACIAN_PARTS, OFFSET_PARTS, SYMMETRY_PARTS, part_multiplier
from fit_avatar.body.skinning import shaped
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy


@energy(part_weights="V", operator="V V")
def laplacian(x: PosedBody, operator: Tensor, part_weights: Tensor | None = None, by_part: bool = False) -> Tensor:
    """Unevenness of the offsets: they stay smooth while the body's own detail is kept. [..., 1, V, 3] metres

    Args:
        x: the posed body.
        operator: cotangent Laplacian, sparse [V, V]; see :func:`laplacian_operator`.
        part_weights: multiply the residual where the body's own detail is finer than an outline shows. [V]
        by_part: multiply it by :data:`~fit_avatar.body.part_multipliers.LAPLACIAN_PARTS`.

    Source: Alldieck et al. 2018, section 3.3.
    """
    flat = x.offsets.movedim(-2, 0)  # [V, ..., 1, 3]
    smoothed: Tensor = torch.sparse.mm(operator, flat.flatten(1)).view_as(flat).movedim(0, -2)
    return _held(x, smoothed, part_weights, LAPLACIAN_PARTS if by_part else {})


@energy(part_weights="V")
def symmetry(x: PosedBody, part_weights: Tensor | None = None, by_part: bool = False) -> Tensor:
    """Offsets minus those of the other side, mirrored. [..., 1, V, 3] metres

    part_weights [V] multiply the residual, and so does ``by_part``:
    :data:`~fit_avatar.body.part_multipliers.SYMMETRY_PARTS`.

    Source: Alldieck et al. 2018, section 3.3.
    """
    flip = x.offsets.new_tensor([-1.0, 1.0, 1.0])
    difference = x.offsets - x.offsets[..., x.body.mirror, :] * flip
    return _held(x, difference, part_weights, SYMMETRY_PARTS if by_part else {})


@energy(part_weights="V")
def offset_prior(x: PosedBody, part_weights: Tensor | None = None, by_part: bool = False) -> Tensor:
    """Clothes are thin: the surface is near the body. [..., 1, V, 3] metres

    part_weights [V] multiply the residual, and so does ``by_part``:
    :data:`~fit_avatar.body.part_multipliers.OFFSET_PARTS`.

    Source: Alldieck et al. 2018, section 3.3.
    """
    return _held(x, x.offsets, part_weights, OFFSET_PARTS if by_part else {})


@energy
def edge_length(x: PosedBody, relative: bool = False) -> Tensor:
    """Change of the edges' lengths against the body without offsets. [..., 1, E] metres, or parts of the length

    It keeps triangles from shrinking and sliding, which the Laplacian of smooth offsets does not.

    Source: Alldieck et al. 2018 (Detailed Human Avatars from Monocular Video), section 3.2.
    """
    start, end = neighbours(x.body.faces).edges.unbind(-1)
    length, natural = ((v[..., start, :] - v[..., end, :]).square().sum(-1) for v in (x.surface, x.naked))
    # The root's slope is endless at an edge without length; such an edge is taken as 10 µm long.
    length, natural = length.clamp_min(1e-10).sqrt(), natural.clamp_min(1e-10).sqrt()
    return (length - natural) / natural if relative else length - natural


@energy
def normal_consistency(x: PosedBody) -> Tensor:
    """Change of the angle between neighbouring faces' normals against the body without offsets. [..., 1, I] radians

    I counts the edges between two faces. Unlike the Laplacian it does not mind stretching, only creases.

    Source: the usual regulariser of meshes (normal consistency), measured against the template's own creases.
    """
    sine, cosine = _bend(x.surface, x.body)
    natural_sine, natural_cosine = _bend(x.naked, x.body)
    return torch.atan2(sine * natural_cosine - cosine * natural_sine, cosine * natural_cosine + sine * natural_sine)


def laplacian_operator(body: Body, betas: Tensor | None = None) -> Tensor:
    """Return the cotangent Laplacian of the shaped body, the field ``operator`` of :func:`laplacian`. Sparse [V, V]

    Rows sum to zero; betas [B] are zero by default.
    """
    vertices = body.template if betas is None else shaped(body, betas.detach())
    matrix, _ = cotangent_laplacian(vertices.double().cpu().numpy(), body.faces.cpu().numpy())
    coordinates = matrix.tocoo()
    index = torch.from_numpy(np.stack([coordinates.row, coordinates.col]).astype(np.int64))
    values = torch.from_numpy(coordinates.data).to(body.template.dtype)
    return (
        torch.sparse_coo_tensor(index, values, matrix.shape, check_invariants=False).coalesce().to(body.template.device)
    )


def _held(x: PosedBody, residual: Tensor, part_weights: Tensor | None, table: Mapping[str, float]) -> Tensor:
    """Multiply residuals of vertices. [..., 1, V, 3]"""
    if part_weights is not None:
        residual = residual * part_weights[:, None]
    return residual * part_multiplier(x.body, table)[:, None] if table else residual


def _bend(vertices: Tensor, body: Body) -> tuple[Tensor, Tensor]:
    """Return sine and cosine of the angle between the two faces at each inner edge. [..., I]"""
    mesh = neighbours(body.faces)
    start, end = (vertices[..., i, :] for i in mesh.inner.unbind(-1))
    left, right = (vertices[..., i, :] for i in mesh.opposite.unbind(-1))
    edge = torch.nn.functional.normalize(end - start, dim=-1)
    first = torch.nn.functional.normalize(torch.linalg.cross(edge, left - start), dim=-1)
    second = torch.nn.functional.normalize(torch.linalg.cross(right - start, edge), dim=-1)
    sine, cosine = (torch.linalg.cross(first, second) * edge).sum(-1), (first * second).sum(-1)
    flat = sine.square() + cosine.square() < 0.5  # a face without area has no normal
    return sine.where(~flat, torch.zeros_like(sine)), cosine.where(~flat, torch.ones_like(cosine))
