"""Tangent planes of the viewing cone, which the camera's centre and the outline span, and their un-posing."""

from __future__ import annotations

import torch
from torch import Tensor

from fit_avatar.capture.types import Camera


def tangent_planes(points: Tensor, normals: Tensor, camera: Camera) -> Tensor:
    """Return unit normals of the planes through the camera's centre that touch the body along the outline.

    A surface point X on the silhouette's rim satisfies ``plane · X = 0``; positive is outside.
    points and normals of the outline [..., 2] → [..., 3]
    """
    nx, ny = normals.unbind(-1)
    offset = nx * (camera.cx - points[..., 0]) + ny * (camera.cy - points[..., 1])
    plane = torch.stack([nx * camera.fx, ny * camera.fy, offset], -1)
    return torch.nn.functional.normalize(plane, dim=-1)


def plane_distance(vertices: Tensor, planes: Tensor, shift: Tensor) -> Tensor:
    """Return the distances of rim vertices from un-posed tangent planes of the viewing cone.

    The plane N·X = 0 of the posed space becomes (AᵀN)·v + N·b = 0 in the bind pose, where the vertex is
    skinned by X = A v + b. Constraining only along N leaves the surface free to slide on the ray.

    vertices [..., 3], planes = AᵀN [..., 3], shift = N·b [...] → [...] metres

    Source: after Alldieck et al. 2018, section 3.2 (un-posed rays).
    """
    return (vertices * planes).sum(-1) + shift
