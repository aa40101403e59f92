"""What terms in the image share: the size of a pixel, which vertices are looked at, and closed-form derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fit_avatar.body.points import Points
from fit_avatar.body.skinning import point_jacobian, pose_offsets
from fit_avatar.capture.types import Camera
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import Blocks
from fit_avatar.silhouettes import pixel_gradient


def metres_per_pixel(x: PosedBody, camera: Camera) -> Tensor:
    """Return the size of a pixel at the person's distance. [..., T]"""
    return x.transl[..., 2].detach().clamp_min(0.3) / camera.fx


def scaled(residual: Tensor, pixel_size: Tensor | None) -> Tensor:
    """Return pixels, or metres where the size of a pixel is given. [..., T, N, C], [..., T] → [..., T, N, C]"""
    return residual if pixel_size is None else residual * pixel_size[..., None, None]


def inside_image(pixels: Tensor, camera: Camera) -> Tensor:
    """Return 1 where a pixel is one of the image, 0 elsewhere. [..., 2] → [...]"""
    size = pixels.new_tensor([camera.width, camera.height])
    inside: Tensor = ((pixels >= 0) & (pixels < size)).all(-1)
    return inside.to(pixels)


def chosen_vertices(x: PosedBody, chosen: Tensor) -> tuple[Points, Tensor]:
    """Return some vertices as points, and where they are in the bind pose, offsets and pose-dependent shapes included.

    chosen [N] → points, [..., T or 1, N, 3]
    """
    points = x.body.vertex_points(chosen)
    return points, x.surface[..., chosen, :] + correctives(x, points)


def picked(surface: Tensor, vertices: Tensor) -> Tensor:
    """Return other vertices in every frame. [..., T or 1, V, 3], int64 [..., T, C] → [..., T, C, 3]"""
    if surface.shape[-3] > 1:
        return surface.gather(-2, vertices[..., None].expand(*vertices.shape, 3))
    flat = vertices.flatten(-2)
    found = surface[..., 0, :, :].gather(-2, flat[..., None].expand(*flat.shape, 3))
    whole: Tensor = found.unflatten(-2, vertices.shape[-2:])
    return whole


def correctives(x: PosedBody, points: Points) -> Tensor:
    """Return the pose-dependent shapes of points, which may be others in every frame. [..., T, M, 3]

    Zero, and of fewer dimensions, for a body without them.
    """
    if points.pose_basis is None:
        return points.template.new_zeros(())
    if points.pose_basis.dim() == 3:
        return pose_offsets(points.pose_basis, x.rotations)
    identity = torch.eye(3, dtype=x.rotations.dtype, device=x.rotations.device)
    feature = (x.rotations[..., 1:, :, :] - identity).flatten(-3)
    moved: Tensor = torch.einsum("...cap,...p->...ca", points.pose_basis, feature)
    return moved


def point_blocks(x: PosedBody, points: Points, rest: Tensor, gradient: Tensor) -> Blocks:
    """Return the derivative of points along one direction each, sorted by unknowns.

    Args:
        x: the posed body.
        points: the points.
        rest: where they are in the bind pose, with pose-dependent blend shapes. [..., T or 1, M, 3]
        gradient: derivative of the residuals to the posed points. [..., T, M, 3]
    """
    jacobian = point_jacobian(x.body, x.skeleton, rest, points.weights, points.basis, gradient, points.pose_basis)
    frames = {
        "global_orient": jacobian.pose[..., :1, :].flatten(-2),
        "body_pose": jacobian.pose[..., 1:, :].flatten(-2),
        "transl": jacobian.transl,
    }
    betas = x.betas.shape[-1]
    if x.has("expression"):
        frames["expression"] = jacobian.betas[..., betas:]
    return Blocks(frames, {"betas": jacobian.betas[..., :betas]})


def pixel_gradients(posed: Tensor, camera: Camera, pixel_size: Tensor | None) -> list[Tensor]:
    """Return the gradients of u and of v (or of both in metres) to points. [..., T, M, 3] → two of the same shape"""
    gradients = []
    for axis in range(2):
        direction = torch.zeros_like(posed[..., :2])
        direction[..., axis] = 1 if pixel_size is None else pixel_size[..., None]
        gradients.append(pixel_gradient(posed, direction, camera))
    return gradients


def interleaved(rows: Sequence[Blocks]) -> Blocks:
    """Join derivatives of the components of vectors: all of the first vector, then of the next."""
    first = rows[0]
    return Blocks(
        {name: torch.stack([one.frames[name] for one in rows], -2).flatten(-3, -2) for name in first.frames},
        {name: torch.stack([one.shared[name] for one in rows], -2).flatten(-3, -2) for name in first.shared},
        first.missing,
    )
