"""Terms on single points of the body: landmarks and points of the surface in the image, and points measured in 3D."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import skin
from fit_avatar.capture.types import Camera
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import (
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

HANDS = tuple(f"{side}_hand_{i}" for side in ("left", "right") for i in range(21))
"""Names of the hands' landmarks, in OpenPose's order."""
FACE = tuple(f"face_{i}" for i in range(70))
"""Names of the face's landmarks, in OpenPose's order."""


@cache
def _present(has: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the places of the wanted names that are there: among what there is, and among what is wanted."""
    pairs = [(has.index(name), i) for i, name in enumerate(wanted) if name in has]
    return tuple(i for i, _ in pairs), tuple(j for _, j in pairs)


def _landmarks(body: Body, wanted: tuple[str, ...], what: str) -> tuple[list[int], list[int]]:
    own, seen = _present(body.landmark_names, wanted)
    if not own:
        raise BadInputError(
            f"the body {body.name} has no landmarks of the {what}; choose another body, or no such term"
        )
    return list(own), list(seen)


@energy(vector=True, hands="T 2 21 3")
def landmark_reprojection(
    x: PosedBody, hands: Tensor, camera: Camera, pixel_size: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Projected minus detected points of both hands; the detector's confidence is theirs.

    n counts the hands' landmarks that the body has, 42 if it has fingers.

    hands (u, v, confidence), left and right, OpenPose's order [..., T, 2, 21, 3] → [..., T, n, 2] pixels or metres

    Source: Pavlakos et al. 2019 (SMPLify-X), section 3.2.
    """
    own, seen = _landmarks(x.body, HANDS, "hands")
    detected = hands.flatten(-3, -2)[..., seen, :]
    residual = camera.project(x.landmarks[..., own, :]) - detected[..., :2]
    return scaled(residual, pixel_size), detected[..., 2]


@landmark_reprojection.with_preparation("pixel_size")
def _(x: PosedBody, camera: Camera, in_metres: bool = False) -> Mapping[str, Any]:
    return {"pixel_size": metres_per_pixel(x, camera) if in_metres else None}


@landmark_reprojection.with_jacobian
def _(x: PosedBody, hands: Tensor, camera: Camera, pixel_size: Tensor | None = None) -> Blocks:
    own, _ = _landmarks(x.body, HANDS, "hands")
    points = x.body.landmark_points.take(torch.tensor(own, device=hands.device))
    gradients = pixel_gradients(x.landmarks[..., own, :], camera, pixel_size)
    return interleaved([point_blocks(x, points, x.rest(points), gradient) for gradient in gradients])


@energy(vector=True, face="T 70 3")
def face_landmark_rays(x: PosedBody, face: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Vectors of the face's landmarks' distances from the viewing rays of the detected points, in camera coordinates.

    A ray d from the camera's centre has no moment, so the residual is p × d. n counts the face's landmarks that the
    body has. Use it with a robust kernel: a profile hides half of the points.

    face (u, v, confidence), OpenPose's order [..., T, 70, 3] → [..., T, n, 3] metres

    Source: Alldieck et al. 2018 (Detailed Human Avatars from Monocular Video), section 3.1.
    """
    own, seen = _landmarks(x.body, FACE, "face")
    detected = face[..., seen, :]
    slopes = (detected[..., :2] - face.new_tensor([camera.cx, camera.cy])) / face.new_tensor([camera.fx, camera.fy])
    rays = torch.nn.functional.normalize(torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1), dim=-1)
    points = x.landmarks[..., own, :]
    return torch.linalg.cross(points, rays.expand_as(points)), detected[..., 2]


@energy(vector=True, places="T N 3", vertices="T N")
def surface_reprojection(
    x: PosedBody, places: Tensor, vertices: Tensor, camera: Camera, pixel_size: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Projected vertices minus where the pictures show them, as far as the pattern of clothes and skin tells.

    Args:
        x: the posed body.
        places: where the points are in each frame, (u, v, confidence). [..., T, N, 3]
        vertices: which vertices they are, others in each frame. int64 [..., T, N]
        camera: the camera.
        pixel_size: found by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N, 2] pixels or metres, and the confidence.
    """
    points = x.body.vertex_points(vertices)
    posed = skin(x.skeleton, picked(x.surface, vertices) + correctives(x, points), points.weights)
    return scaled(camera.project(posed) - places[..., :2], pixel_size), places[..., 2]


@surface_reprojection.with_preparation("pixel_size")
def _(x: PosedBody, camera: Camera, in_metres: bool = False) -> Mapping[str, Any]:
    return {"pixel_size": metres_per_pixel(x, camera) if in_metres else None}


@surface_reprojection.with_jacobian
def _(x: PosedBody, places: Tensor, vertices: Tensor, camera: Camera, pixel_size: Tensor | None = None) -> Blocks:
    points = x.body.vertex_points(vertices)
    rest = picked(x.surface, vertices) + correctives(x, points)
    gradients = pixel_gradients(skin(x.skeleton, rest, points.weights), camera, pixel_size)
    blocks = interleaved([point_blocks(x, points, rest, gradient) for gradient in gradients])
    return replace(blocks, missing=("offsets", "surface_shift"))


@energy(vector=True, positions="T N 4")
def joint_positions(x: PosedBody, positions: Tensor, of: str = "joints") -> tuple[Tensor, Tensor]:
    """The body's joints (or its keypoints) minus points that were measured in 3D.

    Args:
        x: the posed body.
        positions: in camera coordinates, metres, and how far each is trusted. [..., T, N, 4]
        of: ``joints`` in the body's order, or ``keypoints`` in BODY_25's.

    Returns:
        [..., T, N, 3] metres, and the trust.
    """
    if of not in ("joints", "keypoints"):
        raise BadInputError(f"the field 'of' of joint_positions is {of!r}; it must be 'joints' or 'keypoints'")
    points = x.joints if of == "joints" else x.keypoints
    if points.shape[-2] != positions.shape[-2]:
        raise BadInputError(
            f"joint_positions is given {positions.shape[-2]} positions, but the body has {points.shape[-2]} {of}"
        )
    return points - positions[..., :3], positions[..., 3]
