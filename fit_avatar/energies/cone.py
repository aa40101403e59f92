"""Terms on the surface in the bind pose, from the viewing cones of all frames un-posed into it. Residuals in metres.

Every outline point is matched to a vertex of the rim; the inverse of that vertex' skinning carries the point's viewing
ray (or the plane that touches the outline there) into the bind pose, where the rays of all frames meet. The matches and
the un-posing are held fixed during a step, so the terms move betas and offsets only. With ``by_area`` the confidence of
all outline points of a clip sums to the area of the skin in m²: the sum of squares is then an integral over the
surface, as if the outlines touched all of it evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from fit_avatar.body.brim import may_be_below_hat
from fit_avatar.body.constants import numbers
from fit_avatar.body.hair import may_have_hair_behind
from fit_avatar.body.skinning import blend, pose_offsets
from fit_avatar.capture.types import Camera
from fit_avatar.energies.image import match_outlines
from fit_avatar.energies.kernel import Annealed, Value, value_at
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import metres_per_pixel
from fit_avatar.energies.surface import shaped_mesh
from fit_avatar.energies.term import energy
from fit_avatar.silhouettes import Contours, plane_distance, tangent_planes

GATE = Annealed(0.08, 0.08)
"""Largest distance between an outline point and its rim vertex, in metres."""
HAIR_SLIDE_M = 0.02
"""Largest distance along the outline between an outline point and its vertex, at a head with hair that hangs. With no
bound all of a ponytail pulled the few vertices next to it, which became a spike. Chosen on a rendered ponytail."""
RIM = 2000
"""Candidates of a frame for the vertices that make its outline."""


@dataclass(frozen=True)
class Rays:
    """Un-posed viewing rays of the outlines of all frames: lines in the bind pose, each for one vertex."""

    vertices: Tensor  # [..., T, C] int64
    directions: Tensor  # [..., T, C, 3] unit, n
    moments: Tensor  # [..., T, C, 3] metres, p × n of any point p of the line (Plücker)
    confidence: Tensor  # [..., T, C]


@dataclass(frozen=True)
class Planes:
    """Un-posed tangent planes of the viewing cones, each for one vertex."""

    vertices: Tensor  # [..., T, C] int64
    normals: Tensor  # [..., T, C, 3], N
    shift: Tensor  # [..., T, C] metres: N · v + shift is zero on the plane, positive outside
    confidence: Tensor  # [..., T, C]


@dataclass(frozen=True)
class _Unposing:
    """The vertices that outline points pull, and the affine map v ↦ A (v + c) + b that poses each."""

    vertices: Tensor  # [..., T, C] int64
    confidence: Tensor  # [..., T, C]
    linear: Tensor  # [..., T, C, 3, 3], A
    shift: Tensor  # [..., T, C, 3], b
    corrective: Tensor  # [..., T, C, 3] pose-dependent shape c, or zero

    @classmethod
    def of(
        cls, x: PosedBody, contours: Contours, camera: Camera, gate_m: float, rim: int, spacing_m: float
    ) -> _Unposing:
        """Match outline points (C a frame) to vertices."""
        size = metres_per_pixel(x, camera)
        match = match_outlines(x, contours, camera, gate_m / size, rim, spacing_m, HAIR_SLIDE_M / size)
        points = x.body.vertex_points(match.vertices)
        linear, shift = blend(x.skeleton, points.weights)
        none = points.template.new_zeros(())
        corrective = none if points.pose_basis is None else pose_offsets(points.pose_basis, x.rotations)
        return cls(match.vertices, match.confidence, linear, shift, corrective)


Unposed = TypeVar("Unposed", "Rays", "Planes")


def _preparation(name: str, unpose: Callable[..., Unposed]) -> Callable[..., Mapping[str, Any]]:
    """Return what makes the field of a name: the outlines of all frames, un-posed.

    Where hair hangs behind the neck, its outline pulls the back of the neck alone: it made the sides 25 mm too wide.
    That of a hat pulls nothing, or the top of the head alone, with ``crown``: brims drew out noses and pushed chins in.
    """

    def prepare(
        x: PosedBody,
        contours: Contours,
        camera: Camera,
        progress: float = 0.0,
        gate_m: Value = GATE,
        rim: int = RIM,
        stride: int = 1,
        spacing_m: float = 0.0,
        by_area: bool = False,
        may_hang_behind: bool = False,
        hair_behind: Tensor | None = None,
        may_wear_hat: bool = False,
        crown: bool = False,
        hat: Tensor | None = None,
    ) -> Mapping[str, Any]:
        found = unpose(x, contours.every(stride), camera, value_at(gate_m, progress), rim, spacing_m)
        if may_hang_behind and hair_behind is not None and hair_behind.any():
            before = may_have_hair_behind(x.body)[found.vertices] & hair_behind[..., None, None]
            found = replace(found, confidence=found.confidence * ~before)
        if may_wear_hat and hat is not None and hat.any():
            of_hat = hat[..., ::stride]
            of_hat = of_hat & ~may_be_below_hat(x.body)[found.vertices] if crown else of_hat
            found = replace(found, confidence=found.confidence * ~of_hat)
        if by_area:
            total = found.confidence.sum((-2, -1), keepdim=True).clamp_min(1e-9)
            found = replace(found, confidence=found.confidence * (shaped_mesh(x).skin_area / total))
        return {name: found}

    return prepare


# -- rays -----------------------------------------------------------------------------------------------------


def unpose_rays(x: PosedBody, contours: Contours, camera: Camera, gate_m: float, rim: int, spacing_m: float) -> Rays:
    """Match outline points (C a frame) to vertices and carry their viewing rays into the bind pose."""
    found = _Unposing.of(x, contours, camera, gate_m, rim, spacing_m)
    centre = numbers((camera.cx, camera.cy), contours.points)
    focal = numbers((camera.fx, camera.fy), contours.points)
    slopes = (contours.points - centre) / focal
    rays = torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1)
    # The camera's centre A (v + c) + b = 0 goes to v = −A⁻¹ b − c.
    inverse = torch.linalg.inv(found.linear)
    directions = torch.nn.functional.normalize((inverse @ rays[..., None])[..., 0], dim=-1)
    origins = -(inverse @ found.shift[..., None])[..., 0] - found.corrective
    return Rays(found.vertices, directions, torch.linalg.cross(origins, directions), found.confidence)


def _rays_by_offsets(x: PosedBody, rays: Rays) -> csr_matrix:
    a, b, c = rays.directions.flatten(0, -2).double().cpu().unbind(-1)
    zero = torch.zeros_like(a)
    rows = torch.stack([zero, c, -b, -c, zero, a, b, -a, zero], -1).unflatten(-1, (3, 3))  # v × n is linear in v
    return _by_vertex(x, rays.vertices, rows)


@energy(
    vector=True,
    observes=("contours", "camera", "hair_behind", "hat"),
    prepare=_preparation("rays", unpose_rays),
    makes=("rays",),
    offset_jacobian=_rays_by_offsets,
)
def cone_rays(x: PosedBody, rays: Rays) -> tuple[Tensor, Tensor]:
    """Vectors of the vertices' distances from their un-posed viewing rays, v × n − m. [..., 1, M, 3] metres

    M are the outline points of all frames together. Where hair hangs behind the neck, its outline pulls only the back
    of the neck (``may_hang_behind``); that of a hat pulls nothing (``may_wear_hat``), or the top of the head alone
    (with ``crown``, too).

    Source: Alldieck et al. 2018, section 3.2.
    """
    residual = torch.linalg.cross(x.surface_at(rays.vertices), rays.directions) - rays.moments
    return residual.flatten(-3, -2).unsqueeze(-3), rays.confidence.flatten(-2).unsqueeze(-2)


# -- planes ---------------------------------------------------------------------------------------------------


def unpose_planes(
    x: PosedBody, contours: Contours, camera: Camera, gate_m: float, rim: int, spacing_m: float
) -> Planes:
    """Match outline points (C a frame) to vertices and carry their tangent planes into the bind pose."""
    found = _Unposing.of(x, contours, camera, gate_m, rim, spacing_m)
    planes = tangent_planes(contours.points, contours.normals, camera)
    # N · (A (v + c) + b) = (Aᵀ N) · v + (Aᵀ N) · c + N · b
    normals = (found.linear.transpose(-1, -2) @ planes[..., None])[..., 0]
    shift = (planes * found.shift).sum(-1) + (normals * found.corrective).sum(-1)
    return Planes(found.vertices, normals, shift, found.confidence)


def _planes_by_offsets(x: PosedBody, planes: Planes) -> csr_matrix:
    return _by_vertex(x, planes.vertices, planes.normals.flatten(0, -2)[:, None].double().cpu())


@energy(
    observes=("contours", "camera", "hair_behind", "hat"),
    prepare=_preparation("planes", unpose_planes),
    makes=("planes",),
    offset_jacobian=_planes_by_offsets,
)
def cone_planes(x: PosedBody, planes: Planes) -> tuple[Tensor, Tensor]:
    """Distances of the vertices from their un-posed tangent planes, positive outside. [..., 1, M] metres

    A plane leaves its vertex free to slide along the outline, which a ray does not. Hair and hats as in
    :func:`cone_rays`.

    Source: after Alldieck et al. 2018, section 3.2.
    """
    residual = plane_distance(x.surface_at(planes.vertices), planes.normals, planes.shift)
    return residual.flatten(-2).unsqueeze(-2), planes.confidence.flatten(-2).unsqueeze(-2)


def _by_vertex(x: PosedBody, vertices: Tensor, rows: Tensor) -> csr_matrix:
    """Return a sparse matrix whose m-th block of n rows sees the offset of one vertex. [M], [M, n, 3] → [M n, 3 V]"""
    count, each, _ = rows.shape
    columns = 3 * vertices.flatten().cpu()[:, None, None] + torch.arange(3).expand(count, each, 3)
    starts = np.arange(0, 3 * count * each + 1, 3)
    return csr_matrix(
        (rows.flatten().numpy(), columns.flatten().numpy(), starts), shape=(count * each, 3 * len(x.body.template))
    )
