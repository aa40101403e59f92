"""Terms on the many points of a face that the detector finds, each on a triangle of the body's skin.

A point's confidence is its face's, times its precision against that of the median point, and it falls to zero where the
skin turns away from the camera: there the detector guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import coo_matrix, csr_matrix
from torch import Tensor

from fit_avatar.body.constants import numbers
from fit_avatar.body.face_points import FacePoints
from fit_avatar.body.skinning import blend, pose_offsets
from fit_avatar.capture.types import Camera
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import pixel_size_in_metres, scaled
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError

UNSEEN, SEEN = 0.2, 0.6
"""Cosine between the skin's normal and the view at which a point has no confidence and all of it. Chosen by hand."""
FADES_DEG = 10.0
"""Over so many degrees beyond its reach a face that turns away loses its confidence. Chosen by hand."""


def _corners(x: PosedBody, found: FacePoints) -> Tensor:
    """Return the vertices of the points' triangles, one triangle after the other. int64 [3 N]

    Raises:
        BadInputError: the points are on another mesh.
    """
    if int(found.corners.max(initial=-1)) >= len(x.body.template):
        raise BadInputError(f"the face's points are not on the body {x.body.name}: its mesh has fewer vertices")
    return torch.from_numpy(found.corners.reshape(-1)).to(x.body.template.device)


def _read_triangles(x: PosedBody, corners: Tensor) -> PosedPoints:
    return x.read_vertices(corners)


def _like(x: PosedBody, values: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(values).to(x.body.template)


def _precision(x: PosedBody, found: FacePoints) -> Tensor:
    """Return each point's precision against that of the median point. [N]"""
    relative = found.sigma_m / np.median(found.sigma_m)
    return _like(x, relative**-2.0)


def _normals_and_views(posed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unit normals of triangles, and the directions to the camera's centre. [..., 3 N, 3] → [..., N, 3]"""
    first, second, third = posed.unflatten(-2, (-1, 3)).unbind(-2)
    normals = torch.nn.functional.normalize(torch.linalg.cross(second - first, third - first), dim=-1)
    return normals, torch.nn.functional.normalize((first + second + third) / -3, dim=-1)


def _facing(posed: Tensor) -> Tensor:
    """Return how surely triangles are seen from the camera's centre. [..., 3 N, 3] → [..., N]"""
    normals, views = _normals_and_views(posed)
    return (((normals * views).sum(-1) - UNSEEN) / (SEEN - UNSEEN)).clamp(0, 1)


def _within_reach(posed: Tensor, reach_deg: float) -> Tensor:
    """Return how surely a face looks no farther away from the camera. [..., 3 N, 3] → [..., 1]"""
    ahead, view = (torch.nn.functional.normalize(v.mean(-2), dim=-1) for v in _normals_and_views(posed))
    away_deg = (ahead * view).sum(-1, keepdim=True).clamp(-1, 1).acos().rad2deg()
    return (1 - (away_deg - reach_deg) / FADES_DEG).clamp(0, 1)


def _prepare_face(
    x: PosedBody,
    face_points: FacePoints,
    camera: Camera,
    in_metres: bool = False,
    stride: int = 1,
    features: bool = False,
    reach_deg: float | None = None,
) -> Mapping[str, Any]:
    found = (face_points.features() if features else face_points).every(stride)
    corners = _corners(x, found)
    posed = x.read_vertices(corners).posed
    facing = _facing(posed) if reach_deg is None else _facing(posed) * _within_reach(posed, reach_deg)
    return {
        "corners": corners,
        "which": torch.from_numpy(found.index).to(facing.device),
        "weights": _like(x, found.weights),
        "confidence": facing * _precision(x, found),
        **pixel_size_in_metres(x, camera, in_metres),
    }


@energy(
    vector=True,
    observes=("face_468", "face_points", "camera"),
    reads=_read_triangles,
    prepare=_prepare_face,
    makes=("corners", "which", "weights", "confidence", "pixel_size"),
    face_468="T 468 3",
)
def face_reprojection(
    points: Tensor,
    face_468: Tensor,
    camera: Camera,
    which: Tensor,
    weights: Tensor,
    confidence: Tensor,
    pixel_size: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Projected points of the skin minus where the detector finds them in the face.

    With ``stride`` every so many-th point counts: neighbours err together, so that some 100 tell nearly as much. With
    ``features`` those of forehead and rim do not count, which the detector guesses. With ``reach_deg`` a face that is
    turned farther away from the camera does not count: nearly in profile the detector makes up one that looks more
    towards it.

    Args:
        points: corners of the triangles in which the points lie. [..., T, 3 N, 3]
        face_468: (u, v, confidence), MediaPipe's order. [..., T, 468, 3]
        camera: the camera.
        which: of the 468 points they are; made by the preparation from ``face_points``
            (:class:`~fit_avatar.body.face_points.FacePoints`), which is known of the default body. [N]
        weights: barycentric coordinates; made by the preparation. [N, 3]
        confidence: of each point in each frame; made by the preparation. [..., T, N]
        pixel_size: made by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N, 2] pixels or metres, and the confidence.
    """
    on_skin = (points.unflatten(-2, (-1, 3)) * weights[..., None]).sum(-2)
    detected = face_468[..., which, :]
    return scaled(camera.project(on_skin) - detected[..., :2], pixel_size), detected[..., 2] * confidence


@dataclass(frozen=True)
class FaceRays:
    """Viewing rays of the face's points in all frames, and the map from the bind pose's skin to each: A v + b."""

    corners: Tensor  # [3 N] int64, vertices of the triangles in which the points lie
    linear: Tensor  # [..., T, N, 3, 3, 3], A of each of the three corners, times its barycentric coordinate
    shift: Tensor  # [..., T, N, 3] metres, b
    directions: Tensor  # [..., T, N, 3] unit, from the camera's centre
    confidence: Tensor  # [..., T, N]


def _prepare_rays(
    x: PosedBody, face_468: Tensor, face_points: FacePoints, camera: Camera, by_area: bool = False
) -> Mapping[str, Any]:
    found = face_points
    corners, weights = _corners(x, found), _like(x, found.weights)
    detected = face_468[..., torch.from_numpy(found.index).to(corners.device), :]
    around = x.body.vertex_points(corners)
    linear, shift = blend(x.skeleton, around.weights)
    if around.pose_basis is not None:
        shift = shift + (linear @ pose_offsets(around.pose_basis, x.rotations)[..., None])[..., 0]
    linear = linear.unflatten(-3, (-1, 3)) * weights[..., None, None]
    shift = (shift.unflatten(-2, (-1, 3)) * weights[..., None]).sum(-2)
    confidence = detected[..., 2] * _facing(x.read_vertices(corners).posed) * _precision(x, found)
    if by_area:
        total = confidence.sum((-2, -1), keepdim=True).clamp_min(1e-9)
        confidence = confidence * (_area(x, found) / total)
    return {"rays": FaceRays(corners, linear, shift, viewing_rays(detected[..., :2], camera), confidence)}


def viewing_rays(pixels: Tensor, camera: Camera) -> Tensor:
    """Return unit vectors from the camera's centre. [..., 2] → [..., 3]"""
    centre, focal = numbers((camera.cx, camera.cy), pixels), numbers((camera.fx, camera.fy), pixels)
    slopes = (pixels - centre) / focal
    return torch.nn.functional.normalize(torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1), dim=-1)


def _area(x: PosedBody, found: FacePoints) -> float:
    """Return about how large the part of the face is that the points cover, in m²: twice their spread, both ways."""
    places = found.on(x.body.template.double().cpu().numpy())
    return float(16 * places[:, :2].std(0).prod())


def _rays_by_offsets(x: PosedBody, rays: FaceRays) -> csr_matrix:
    directions = rays.directions[..., None, :, None].expand_as(rays.linear)
    each = torch.linalg.cross(rays.linear, directions, dim=-2).double().cpu().numpy()  # [T, N, corner, 3, 3]
    frames, points = each.shape[:2]
    row = np.arange(frames * points * 3).reshape(frames, points, 1, 3, 1)
    column = 3 * rays.corners.cpu().numpy().reshape(1, points, 3, 1, 1) + np.arange(3)
    row, column = (np.broadcast_to(index, each.shape).ravel() for index in (row, column))
    shape = (frames * points * 3, 3 * len(x.body.template))
    return coo_matrix((each.ravel(), (row, column)), shape=shape).tocsr()


@energy(
    vector=True,
    observes=("face_468", "face_points", "camera"),
    prepare=_prepare_rays,
    makes=("rays",),
    offset_jacobian=_rays_by_offsets,
    face_468="T 468 3",
)
def face_rays(x: PosedBody, rays: FaceRays) -> tuple[Tensor, Tensor]:
    """Vectors of the skin's points' distances from the viewing rays of the face's. [..., 1, M, 3] metres

    M are the points of all frames together. The skinning is held fixed during a step, so that betas and offsets move,
    as by :func:`~fit_avatar.energies.cone_planes`. With ``by_area`` the confidence of all points of a clip sums to the
    area of the face in m².

    Args:
        x: the posed body.
        rays: made by the preparation from ``face_468`` and ``face_points``, see :func:`face_reprojection`.

    Source: after Alldieck et al. 2018 (Detailed Human Avatars from Monocular Video), section 3.1.
    """
    corners = x.surface_at(rays.corners).unflatten(-2, (-1, 3))
    posed = (rays.linear @ corners[..., None])[..., 0].sum(-2) + rays.shift
    residual = torch.linalg.cross(posed, rays.directions)
    return residual.flatten(-3, -2).unsqueeze(-3), rays.confidence.flatten(-2).unsqueeze(-2)
