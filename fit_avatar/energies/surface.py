"""Terms on the offsets of the surface from the body, in the bind pose. Residuals in metres, or radians of angles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.sparse import bsr_matrix, coo_matrix, csr_matrix, diags, identity, kron
from torch import Tensor

from fit_avatar.body.constants import numbers
from fit_avatar.body.ears import flat_ear_offsets
from fit_avatar.body.mesh import neighbours, vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import cotangent_laplacian
from fit_avatar.body.part_multipliers import PartMultipliers
from fit_avatar.body.shoes import shoe_offsets
from fit_avatar.body.skinning import shaped
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

FLIP = (-1.0, 1.0, 1.0)
"""The mirror exchanges left and right, which are at +x and −x."""

# -- smooth, symmetric and small offsets ------------------------------------------------------------------------


def _prepare_laplacian(
    x: PosedBody,
    multipliers: PartMultipliers | None = None,
    by_area: bool = False,
    may_wear_shoes: bool = False,
    toe_box: bool = False,
    may_hide_ears: bool = False,
    shoes: bool = False,
    ears_hidden: bool = False,
) -> Mapping[str, Any]:
    mesh = shaped_mesh(x)
    scale = _scale(x, multipliers, mesh.areas**-0.5 if by_area else None)
    worn = _worn(x, may_wear_shoes and shoes, may_hide_ears and ears_hidden, toe_box)
    return {"operator": mesh.laplacian, "scale": scale, "worn": worn}


def _prepare_scale(
    x: PosedBody, multipliers: PartMultipliers | None = None, by_area: bool = False
) -> Mapping[str, Any]:
    return {"scale": _scale(x, multipliers, shaped_mesh(x).areas ** 0.5 if by_area else None)}


def _prepare_prior(
    x: PosedBody,
    multipliers: PartMultipliers | None = None,
    by_area: bool = False,
    may_wear_shoes: bool = False,
    toe_box: bool = False,
    may_hide_ears: bool = False,
    below_hair: PartMultipliers | None = None,
    held_at: Tensor | None = None,
    shoes: bool = False,
    ears_hidden: bool = False,
) -> Mapping[str, Any]:
    worn = _worn(x, may_wear_shoes and shoes, may_hide_ears and ears_hidden, toe_box)
    if held_at is not None:
        worn = held_at if worn is None else worn + held_at
    held = below_hair if below_hair is not None and ears_hidden else multipliers
    return {**_prepare_scale(x, held, by_area), "worn": worn}


def _worn(x: PosedBody, shoes: bool, ears_hidden: bool, toe_box: bool) -> Tensor | None:
    """Return the offsets of shoes and of ears below hair at the present betas; None without either. [V, 3]"""
    betas, worn = x.betas.flatten(0, -2).mean(0), None
    if shoes:
        worn = shoe_offsets(x.body, betas, toe_box)
    if ears_hidden:
        ears = flat_ear_offsets(x.body, betas)
        worn = ears if worn is None else worn + ears
    return worn


def _laplacian_by_offsets(x: PosedBody, operator: Tensor, scale: Tensor | None = None) -> csr_matrix:
    row, column = operator.indices().cpu().numpy()
    matrix = coo_matrix((operator.values().double().cpu().numpy(), (row, column)), shape=tuple(operator.shape))
    return _scaled_rows(kron(matrix, identity(3), format="csr"), scale)


@energy(
    prepare=_prepare_laplacian,
    makes=("operator", "scale", "worn"),
    offset_jacobian=_laplacian_by_offsets,
    observes=("shoes", "ears_hidden"),
    operator="V V",
)
def laplacian(x: PosedBody, operator: Tensor, scale: Tensor | None = None, worn: Tensor | None = None) -> Tensor:
    """Unevenness of the offsets: they stay smooth while the body's own detail is kept. [..., 1, V, 3]

    In metres; with ``by_area`` it is the Laplacian per area times the root of a vertex's area, so that the sum of
    squares is an integral over the surface, which does not depend on how finely it is meshed.

    Args:
        x: the posed body.
        operator: cotangent Laplacian of the body at the present betas (of several clips, at their mean), sparse; made
            by the preparation. [V, V]
        scale: made by the preparation from ``multipliers``
            (:class:`~fit_avatar.body.part_multipliers.PartMultipliers`) and ``by_area``. [V]
        worn: offsets that need not be smooth: those of feet in shoes (:mod:`fit_avatar.body.shoes`) and of ears below
            hair (:mod:`fit_avatar.body.ears`). Made by the preparation with ``may_wear_shoes`` and ``may_hide_ears``,
            for a person who is observed to have them so; with ``toe_box`` shoes have a blunt tip. [V, 3]

    Source: Alldieck et al. 2018, section 3.3.
    """
    flat = (x.offsets if worn is None else x.offsets - worn).movedim(-2, 0)  # [V, ..., 1, 3]
    smoothed: Tensor = torch.sparse.mm(operator, flat.flatten(1)).view_as(flat).movedim(0, -2)
    return smoothed if scale is None else smoothed * scale[:, None]


def _symmetry_by_offsets(x: PosedBody, scale: Tensor | None = None) -> csr_matrix:
    mirror = x.body.mirror.cpu().numpy()
    swap = csr_matrix((np.ones(len(mirror)), (np.arange(len(mirror)), mirror)), shape=(len(mirror),) * 2)
    return _scaled_rows(identity(3 * len(mirror), format="csr") - kron(swap, diags(FLIP), format="csr"), scale)


@energy(prepare=_prepare_scale, makes=("scale",), offset_jacobian=_symmetry_by_offsets)
def symmetry(x: PosedBody, scale: Tensor | None = None) -> Tensor:
    """Offsets minus those of the other side, mirrored. [..., 1, V, 3] metres, or with ``by_area`` m · √m²

    scale [V] is made by the preparation from ``multipliers`` and ``by_area``, as for :func:`laplacian`.

    Source: Alldieck et al. 2018, section 3.3.
    """
    difference = x.offsets - x.offsets[..., x.body.mirror, :] * numbers(FLIP, x.offsets)
    return difference if scale is None else difference * scale[:, None]


def _prior_by_offsets(x: PosedBody, scale: Tensor | None = None) -> csr_matrix:
    return _scaled_rows(identity(3 * len(x.body.template), format="csr"), scale)


@energy(
    prepare=_prepare_prior,
    makes=("scale", "worn"),
    offset_jacobian=_prior_by_offsets,
    observes=("shoes", "ears_hidden"),
)
def offset_prior(x: PosedBody, scale: Tensor | None = None, worn: Tensor | None = None) -> Tensor:
    """Clothes are thin: the surface is near the body. [..., 1, V, 3] metres, or with ``by_area`` m · √m²

    scale [V] and worn [V, 3], to which the offsets are near, are made by the preparation from ``multipliers``,
    ``by_area``, ``may_wear_shoes``, ``toe_box`` and ``may_hide_ears``, as for :func:`laplacian`. A person whose ears
    are observed to be hidden has the multipliers ``below_hair``. With ``held_at`` [V, 3] the surface is near the body
    that is moved by so much.

    Source: Alldieck et al. 2018, section 3.3.
    """
    offsets = x.offsets if worn is None else x.offsets - worn
    return offsets if scale is None else offsets * scale[:, None]


def _prepare_sliding(
    x: PosedBody, multipliers: PartMultipliers | None = None, by_area: bool = False
) -> Mapping[str, Any]:
    return {"normals": shaped_mesh(x).normals, **_prepare_scale(x, multipliers, by_area)}


def _sliding_by_offsets(x: PosedBody, normals: Tensor, scale: Tensor | None = None) -> csr_matrix:
    n = normals.double().cpu().numpy()
    along = np.eye(3) - n[:, :, None] * n[:, None, :]  # [V, 3, 3]
    return _scaled_rows(bsr_matrix((along, np.arange(len(n)), np.arange(len(n) + 1))).tocsr(), scale)


@energy(prepare=_prepare_sliding, makes=("normals", "scale"), offset_jacobian=_sliding_by_offsets, normals="V 3")
def sliding_prior(x: PosedBody, normals: Tensor, scale: Tensor | None = None) -> Tensor:
    """The part of the offsets along the body's surface, which outlines hardly show. [..., 1, V, 3] metres

    A limb's surface that slides evenly along its bone leaves nearly the same outlines, so that smoothness does not hold
    it either: it would wander with every matching of outlines, as far as their noise happens to take it.

    Args:
        x: the posed body.
        normals: of the body without offsets, in the bind pose; made by the preparation. [V, 3]
        scale: made by the preparation from ``multipliers`` and ``by_area``, as for :func:`laplacian`. [V]
    """
    along = x.offsets - normals * (x.offsets * normals).sum(-1, keepdim=True)
    return along if scale is None else along * scale[:, None]


@dataclass(frozen=True, eq=False)
class ShapedMesh:
    """What integrals over the surface of a shaped body need."""

    laplacian: Tensor
    """Cotangent Laplacian, not divided by areas; rows sum to zero. Sparse [V, V]"""
    areas: Tensor
    """Area of each vertex in m²; a hundredth of the mean for those that are not skin. [V]"""
    skin_area: float
    """Area of the skin in m²."""
    normals: Tensor
    """Unit normals, pointing outwards. [V, 3]"""


def shaped_mesh(x: PosedBody) -> ShapedMesh:
    """Return areas and Laplacian of the body at the present betas, without offsets; of several clips, at their mean."""
    betas = x.betas.detach().flatten(0, -2).mean(0)
    return _shaped_mesh(x.body, tuple(betas.tolist()))


@lru_cache(maxsize=4)
def _shaped_mesh(body: Body, betas: tuple[float, ...]) -> ShapedMesh:
    vertices = shaped(body, body.template.new_tensor(betas))
    matrix, areas = cotangent_laplacian(vertices.double().cpu().numpy(), body.faces.cpu().numpy())
    skin = body.skin.cpu().numpy()
    areas = np.where(skin, areas, areas.mean() * 1e-2)
    entries = matrix.tocoo()
    index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data)
    sparse = torch.sparse_coo_tensor(index, values, matrix.shape, check_invariants=False).to(body.template).coalesce()
    return ShapedMesh(
        sparse,
        torch.from_numpy(areas).to(body.template),
        float(areas[skin].sum()),
        vertex_normals(vertices, body.faces),
    )


def _scale(x: PosedBody, multipliers: PartMultipliers | None, by_area: Tensor | None) -> Tensor | None:
    """Return what the residuals of vertices are multiplied by; None for nothing. [V]"""
    if multipliers is None:
        return by_area
    parts = multipliers.at_vertices(x.body)
    return parts if by_area is None else parts * by_area


def _scaled_rows(matrix: csr_matrix, scale: Tensor | None) -> csr_matrix:
    """Multiply the three rows of each vertex. [3V, 3V], [V]"""
    if scale is None:
        return matrix
    return diags(scale.double().cpu().numpy().repeat(3)).tocsr() @ matrix


# -- edges and creases ----------------------------------------------------------------------------------------


@energy
def edge_length(x: PosedBody, relative: bool = False) -> Tensor:
    """Change of the edges' lengths against the body without offsets. [..., 1, E] metres, or fractions if ``relative``

    It keeps triangles from shrinking and sliding, which the Laplacian of smooth offsets does not.

    Source: Alldieck et al. 2018 (Detailed Human Avatars from Monocular Video), section 3.2.
    """
    start, end = neighbours(x.body.faces).edges.unbind(-1)
    length, natural = ((v[..., start, :] - v[..., end, :]).square().sum(-1) for v in (x.surface, x.naked))
    # The derivative of the root is infinite at an edge without length; such an edge is taken as 10 µm long.
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
