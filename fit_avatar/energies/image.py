"""Terms that compare the posed body with the image: keypoints and outlines.

Residuals are in pixels, or in metres at the person's distance where ``in_metres`` is set: noise in metres does not
depend on the size of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import blend, skin
from fit_avatar.capture.types import Camera
from fit_avatar.energies.kernel import Annealed, Value, value_at
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import (
    chosen_vertices,
    correctives,
    interleaved,
    metres_per_pixel,
    picked,
    pixel_gradients,
    point_blocks,
    scaled,
)
from fit_avatar.energies.term import Blocks, energy
from fit_avatar.errors import BadInputError
from fit_avatar.silhouettes import Contours, match_contours, pixel_gradient

# -- keypoints ------------------------------------------------------------------------------------------------


@energy(vector=True, keypoints="T K 3")
def keypoint_reprojection(
    x: PosedBody,
    keypoints: Tensor,
    camera: Camera,
    pixel_size: Tensor | None = None,
    only: Sequence[str] = (),
    without: Sequence[str] = (),
) -> tuple[Tensor, Tensor]:
    """Projected minus detected keypoints; the detector's confidence is theirs.

    Args:
        x: the posed body.
        keypoints: BODY_25, (u, v, confidence). [..., T, K, 3]
        camera: the camera.
        pixel_size: found by the preparation where ``in_metres`` is set; or ``in_noise``, for residuals in units of the
            detector's noise ``noise_m``, which a stage may have measured.
        only: names of the keypoints that alone count, by default all.
        without: names of keypoints that do not.

    Returns:
        [..., T, K, 2] pixels or metres, and the confidence.

    Source: Bogo et al. 2016 (SMPLify), section 3.2.
    """
    residual = camera.project(x.keypoints) - keypoints[..., :2]
    counted = keypoints.new_tensor(_counted(tuple(only), tuple(without)))
    return scaled(residual, pixel_size), keypoints[..., 2] * counted


@keypoint_reprojection.with_preparation("pixel_size")
def _(
    x: PosedBody,
    camera: Camera,
    in_metres: bool = False,
    in_noise: bool = False,
    noise_m: Tensor | float = 0.03,
) -> Mapping[str, Any]:
    if in_noise:
        return {"pixel_size": metres_per_pixel(x, camera) / noise_m}
    return {"pixel_size": metres_per_pixel(x, camera) if in_metres else None}


@keypoint_reprojection.with_jacobian
def _(x: PosedBody, keypoints: Tensor, camera: Camera, pixel_size: Tensor | None = None) -> Blocks:
    points, posed = x.body.keypoint_points, x.keypoints
    linear, _ = blend(x.skeleton, points.weights)
    rows = []
    for gradient in pixel_gradients(posed, camera, pixel_size):
        blocks = point_blocks(x, points, x.rest_keypoints, gradient)
        if x.has("keypoint_bias"):
            bias = _block_rows((gradient[..., None, :] @ linear)[..., 0, :])
            blocks = replace(blocks, shared={**blocks.shared, "keypoint_bias": bias})
        rows.append(blocks)
    return interleaved(rows)


@cache
def _counted(only: tuple[str, ...], without: tuple[str, ...]) -> tuple[float, ...]:
    """Return 1 for the keypoints that count, 0 for the others. [K]"""
    for name in (*only, *without):
        if name not in BODY_25:
            raise BadInputError(f"there is no keypoint {name!r}; there are {', '.join(BODY_25)}")
    return tuple(float((not only or name in only) and name not in without) for name in BODY_25)


# -- outlines -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OutlineMatch:
    """For every outline point the vertex that it pulls; fixed while one step is made."""

    contours: Contours  # C points a frame
    vertices: Tensor  # [..., T, C] int64
    trust: Tensor  # [..., T, C] 0 where nothing agrees


@energy
def contour_distance(
    x: PosedBody, match: OutlineMatch, camera: Camera, pixel_size: Tensor | None = None, inside_looseness: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Distance of rim vertices from their outline points along the outline's normal, positive outside.

    A body without clothes is inside the outline rather than on it, so the residual is divided by
    ``inside_looseness`` there. → [..., T, C] pixels or metres

    Source: after Alldieck et al. 2018, section 3.1, without a renderer.
    """
    points = x.body.vertex_points(match.vertices)
    surface = skin(x.skeleton, picked(x.surface, match.vertices) + correctives(x, points), points.weights)
    distance = ((camera.project(surface) - match.contours.points) * match.contours.normals).sum(-1)
    distance = torch.where(distance < 0, distance / inside_looseness, distance)
    return scaled(distance[..., None], pixel_size)[..., 0], match.trust


@contour_distance.with_preparation("match", "pixel_size")
def _(
    x: PosedBody,
    contours: Contours,
    camera: Camera,
    share: float = 0.0,
    in_metres: bool = False,
    gate_m: Value = Annealed(0.15, 0.05),  # noqa: B008 (frozen)
    rim: int = 700,
    stride: int = 2,
    spacing_m: float = 0.015,
) -> Mapping[str, Any]:
    size = metres_per_pixel(x, camera)
    match = match_outlines(x, contours.every(stride), camera, value_at(gate_m, share) / size, rim, spacing_m)
    return {"match": match, "pixel_size": size if in_metres else None}


@contour_distance.with_jacobian
def _(
    x: PosedBody, match: OutlineMatch, camera: Camera, pixel_size: Tensor | None = None, inside_looseness: float = 1.0
) -> Blocks:
    points = x.body.vertex_points(match.vertices)
    rest = picked(x.surface, match.vertices) + correctives(x, points)
    surface = skin(x.skeleton, rest, points.weights)
    distance = ((camera.project(surface) - match.contours.points) * match.contours.normals).sum(-1)
    scale = torch.ones_like(distance).where(distance >= 0, torch.full_like(distance, 1 / inside_looseness))
    direction = match.contours.normals * scaled(scale[..., None], pixel_size)
    gradient = pixel_gradient(surface, direction, camera)
    blocks = point_blocks(x, points, rest, gradient)
    if x.has("surface_shift"):
        linear, _ = blend(x.skeleton, points.weights)
        pulled = (gradient[..., None, :] @ linear)[..., 0, :]
        arm = points.template[..., None, :] - x.body.joint_template  # [..., T, C, J, 3]
        turned = torch.linalg.cross(arm, pulled[..., None, :].expand_as(arm))
        wrench = torch.cat([pulled[..., None, :].expand_as(arm), turned], -1)
        shift = (points.weights[..., None] * wrench).flatten(-2)
        blocks = replace(blocks, shared={**blocks.shared, "surface_shift": shift})
    return replace(blocks, missing=("offsets",))


def match_outlines(
    x: PosedBody, contours: Contours, camera: Camera, gate_px: Tensor, rim: int, spacing_m: float
) -> OutlineMatch:
    """Match every outline point to a rim vertex of the posed surface.

    Args:
        x: the posed body.
        contours: outlines [..., T, C].
        camera: the camera.
        gate_px: largest distance of a match. [..., T]
        rim: candidates in a frame.
        spacing_m: vertices are thinned to about one per this distance; 0 uses all.
    """
    chosen = x.body.spread_vertices(spacing_m)
    surface, frames = x.surface.detach(), x.joints.shape[:-2]
    selected, rest = chosen_vertices(x, chosen)
    linear, shift = blend(x.skeleton, selected.weights)
    normals = torch.stack([vertex_normals(one, x.body.faces)[chosen] for one in surface.flatten(0, -3)])
    normals = normals.unflatten(0, surface.shape[:-2])
    vertices = ((linear @ rest[..., None])[..., 0] + shift).detach().flatten(0, -3)
    turned = torch.nn.functional.normalize((linear @ normals[..., None])[..., 0], dim=-1).detach().flatten(0, -3)
    outlines = (contours.points, contours.normals, contours.weights[..., None])
    places, outward, trust = (a.expand(*frames, *a.shape[-2:]).flatten(0, -3) for a in outlines)
    flat = Contours(places, outward, trust[..., 0])
    gates = gate_px.flatten()
    found = [
        match_contours(
            camera.project(vertices[part]), vertices[part], turned[part], flat.frames(part), gates[part], rim
        )
        for part in torch.split(torch.arange(len(vertices), device=vertices.device), 16)
    ]
    index = chosen[torch.cat([m.vertices for m in found])].unflatten(0, frames)
    return OutlineMatch(contours, index, torch.cat([m.weights for m in found]).unflatten(0, frames))


def _block_rows(rows: Tensor) -> Tensor:
    """Put row m of every frame into columns 3m … 3m+2. [..., M, 3] → [..., M, 3M]"""
    count = rows.shape[-2]
    out = rows.new_zeros(*rows.shape[:-2], count, count, 3)
    torch.diagonal(out, dim1=-3, dim2=-2).copy_(rows.transpose(-1, -2))
    return out.flatten(-2)
