"""Terms on the surface in the bind pose, from the viewing cones of all frames un-posed into it. Residuals in metres.

Every outline point is matched to a vertex of the rim; the inverse of that vertex' skinning carries the point's viewing
ray (or the plane that touches the outline there) into the bind pose, where the rays of all frames meet. The matches and
the un-posing are held fixed during a step, so the terms move betas and offsets only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.points import Points
from fit_avatar.body.skinning import blend
from fit_avatar.capture.types import Camera
from fit_avatar.energies.image import OutlineMatch, match_outlines
from fit_avatar.energies.kernel import Annealed, Value, value_at
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import correctives, metres_per_pixel, picked
from fit_avatar.energies.term import energy
from fit_avatar.silhouettes import Contours, plane_distance, tangent_planes

GATE = Annealed(0.08, 0.08)
"""Largest distance between an outline point and its rim vertex, in metres."""


@dataclass(frozen=True)
class Rays:
    """Un-posed viewing rays of the outlines of all frames: lines in the bind pose, each for one vertex."""

    vertices: Tensor  # [..., T, C] int64
    directions: Tensor  # [..., T, C, 3] unit, n
    moments: Tensor  # [..., T, C, 3] metres, p × n of any point p of the line (Plücker)
    trust: Tensor  # [..., T, C]


@dataclass(frozen=True)
class Planes:
    """Un-posed tangent planes of the viewing cones, each for one vertex."""

    vertices: Tensor  # [..., T, C] int64
    normals: Tensor  # [..., T, C, 3], N
    shift: Tensor  # [..., T, C] metres: N · v + shift is zero on the plane, positive outside
    trust: Tensor  # [..., T, C]


@energy(vector=True)
def cone_rays(x: PosedBody, rays: Rays) -> tuple[Tensor, Tensor]:
    """Vectors of the vertices' distances from their un-posed viewing rays, v × n − m. [..., 1, M, 3] metres

    M are the outline points of all frames together.

    Source: Alldieck et al. 2018, section 3.2.
    """
    residual = torch.linalg.cross(picked(x.surface, rays.vertices), rays.directions) - rays.moments
    return residual.flatten(-3, -2).unsqueeze(-3), rays.trust.flatten(-2).unsqueeze(-2)


@energy
def cone_planes(x: PosedBody, planes: Planes) -> tuple[Tensor, Tensor]:
    """Distances of the vertices from their un-posed tangent planes, positive outside. [..., 1, M] metres

    A plane leaves its vertex free to slide along the outline, which a ray does not.

    Source: after Alldieck et al. 2018, section 3.2.
    """
    residual = plane_distance(picked(x.surface, planes.vertices), planes.normals, planes.shift)
    return residual.flatten(-2).unsqueeze(-2), planes.trust.flatten(-2).unsqueeze(-2)


def unpose_rays(x: PosedBody, contours: Contours, camera: Camera, gate_m: float, rim: int, spacing_m: float) -> Rays:
    """Match outline points (C a frame) to vertices and carry their viewing rays into the bind pose."""
    match, points, linear, shift = _matched(x, contours, camera, gate_m, rim, spacing_m)
    centre = contours.points.new_tensor([camera.cx, camera.cy])
    focal = contours.points.new_tensor([camera.fx, camera.fy])
    slopes = (contours.points - centre) / focal
    rays = torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1)
    # X = A (v + c) + b, c the pose-dependent shape: the camera's centre X = 0 goes to v = −A⁻¹ b − c.
    inverse = torch.linalg.inv(linear)
    directions = torch.nn.functional.normalize((inverse @ rays[..., None])[..., 0], dim=-1)
    origins = -(inverse @ shift[..., None])[..., 0] - correctives(x, points)
    return Rays(match.vertices, directions, torch.linalg.cross(origins, directions), match.trust)


def unpose_planes(
    x: PosedBody, contours: Contours, camera: Camera, gate_m: float, rim: int, spacing_m: float
) -> Planes:
    """Match outline points (C a frame) to vertices and carry their tangent planes into the bind pose."""
    match, points, linear, shift = _matched(x, contours, camera, gate_m, rim, spacing_m)
    planes = tangent_planes(contours.points, contours.normals, camera)
    # N · (A (v + c) + b) = (Aᵀ N) · v + (Aᵀ N) · c + N · b
    normals = (linear.transpose(-1, -2) @ planes[..., None])[..., 0]
    constant = (planes * shift).sum(-1) + (normals * correctives(x, points)).sum(-1)
    return Planes(match.vertices, normals, constant, match.trust)


def _matched(
    x: PosedBody, contours: Contours, camera: Camera, gate_m: float, rim: int, spacing_m: float
) -> tuple[OutlineMatch, Points, Tensor, Tensor]:
    """Match outline points to vertices; return the vertices as points, and the A and b that pose them, too."""
    match = match_outlines(x, contours, camera, gate_m / metres_per_pixel(x, camera), rim, spacing_m)
    points = x.body.vertex_points(match.vertices)
    return match, points, *blend(x.skeleton, points.weights)


def _preparation(name: str, unpose: Callable[..., Rays | Planes]) -> Callable[..., Mapping[str, Any]]:
    """Return what makes the field ``name`` of a term before each step."""

    def prepare(
        x: PosedBody,
        contours: Contours,
        camera: Camera,
        share: float = 0.0,
        gate_m: Value = GATE,
        rim: int = 2000,
        stride: int = 1,
        spacing_m: float = 0.0,
    ) -> Mapping[str, Any]:
        return {name: unpose(x, contours.every(stride), camera, value_at(gate_m, share), rim, spacing_m)}

    return prepare


cone_rays.with_preparation("rays")(_preparation("rays", unpose_rays))
cone_planes.with_preparation("planes")(_preparation("planes", unpose_planes))
