"""Terms on single points of the body: landmarks and points of the surface in the image, and points measured in 3D."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body.constants import numbers, places
from fit_avatar.capture.types import Camera
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import pixel_size_in_metres, scaled
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError

HANDS = tuple(f"{side}_hand_{i}" for side in ("left", "right") for i in range(21))
"""Names of the hands' landmarks, in OpenPose's order."""
FACE = tuple(f"face_{i}" for i in range(70))
"""Names of the face's landmarks, in OpenPose's order."""


@cache
def common_points(own: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the indices of the wanted names that a body has: among its own names, and among the wanted ones."""
    pairs = [(own.index(name), i) for i, name in enumerate(wanted) if name in own]
    return tuple(i for i, _ in pairs), tuple(j for _, j in pairs)


def _read_landmarks(x: PosedBody, wanted: tuple[str, ...], part: str) -> PosedPoints:
    own, _ = common_points(x.body.landmark_names, wanted)
    if not own:
        raise BadInputError(
            f"the body {x.body.name} has no landmarks of the {part}; choose another body, or leave the term out"
        )
    return x.read_landmarks(own)


def read_hands(x: PosedBody) -> PosedPoints:
    """Return the landmarks of both hands that the body has.

    Raises:
        BadInputError: it has none.
    """
    return _read_landmarks(x, HANDS, "hands")


def _hands_and_unit(x: PosedBody, camera: Camera, in_metres: bool = False) -> Mapping[str, Any]:
    return {"which": common_points(x.body.landmark_names, HANDS)[1], **pixel_size_in_metres(x, camera, in_metres)}


@energy(
    vector=True,
    observes=("hands", "camera"),
    reads=read_hands,
    prepare=_hands_and_unit,
    makes=("which", "pixel_size"),
    hands="T 2 21 3",
)
def landmark_reprojection(
    points: Tensor, hands: Tensor, camera: Camera, which: Sequence[int], pixel_size: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Projected minus detected points of both hands, with the detector's confidence.

    Args:
        points: the n landmarks of hands that the body has, 42 if it has fingers. [..., T, n, 3]
        hands: (u, v, confidence), left and right, OpenPose's order. [..., T, 2, 21, 3]
        camera: the camera.
        which: which of the 42 detected points they are; made by the preparation.
        pixel_size: made by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, n, 2] pixels or metres, and the confidence.

    Source: Pavlakos et al. 2019 (SMPLify-X), section 3.2.
    """
    detected = hands.flatten(-3, -2)[..., places(which, hands), :]
    return scaled(camera.project(points) - detected[..., :2], pixel_size), detected[..., 2]


def _read_face(x: PosedBody) -> PosedPoints:
    return _read_landmarks(x, FACE, "face")


def _face_landmarks(x: PosedBody) -> Mapping[str, Any]:
    return {"which": common_points(x.body.landmark_names, FACE)[1]}


@energy(
    vector=True,
    observes=("face", "camera"),
    reads=_read_face,
    prepare=_face_landmarks,
    makes=("which",),
    face="T 70 3",
)
def face_landmark_rays(points: Tensor, face: Tensor, camera: Camera, which: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Vectors of the face's landmarks' distances from the viewing rays of the detected points, in camera coordinates.

    A ray d from the camera's centre has no moment, so the residual is p × d. Use it with a robust kernel: a profile
    hides half of the points.

    Args:
        points: the n landmarks of the face that the body has. [..., T, n, 3]
        face: (u, v, confidence), OpenPose's order. [..., T, 70, 3]
        camera: the camera.
        which: which of the 70 detected points they are; made by the preparation.

    Returns:
        [..., T, n, 3] metres, and the detector's confidence.

    Source: Alldieck et al. 2018 (Detailed Human Avatars from Monocular Video), section 3.1.
    """
    detected = face[..., places(which, face), :]
    slopes = (detected[..., :2] - numbers((camera.cx, camera.cy), face)) / numbers((camera.fx, camera.fy), face)
    rays = torch.nn.functional.normalize(torch.cat([slopes, torch.ones_like(slopes[..., :1])], -1), dim=-1)
    return torch.linalg.cross(points, rays.expand_as(points)), detected[..., 2]


def _matched_vertices(x: PosedBody, surface_matches: SurfaceMatches) -> PosedPoints:
    return x.read_vertices(surface_matches.vertices)


@energy(
    vector=True,
    observes=("surface_matches", "camera"),
    reads=_matched_vertices,
    prepare=pixel_size_in_metres,
    makes=("pixel_size",),
    surface_matches="T N 3",
)
def surface_reprojection(
    points: Tensor, surface_matches: SurfaceMatches, camera: Camera, pixel_size: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Projected vertices minus where the pictures show them, found by the pattern of clothes and skin.

    Args:
        points: the matched vertices. [..., T, N, 3]
        surface_matches: where the pictures show N points of the surface in each frame.
        camera: the camera.
        pixel_size: made by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, N, 2] pixels or metres, and the confidence.
    """
    found = surface_matches.points
    return scaled(camera.project(points) - found[..., :2], pixel_size), found[..., 2]


@energy(vector=True, positions="T N 4")
def joint_positions(x: PosedBody, positions: Tensor, of: str = "joints") -> tuple[Tensor, Tensor]:
    """The body's joints (or its keypoints) minus points that were measured in 3D.

    Args:
        x: the posed body.
        positions: in camera coordinates, metres, and the confidence of each. [..., T, N, 4]
        of: ``joints`` in the body's order, or ``keypoints`` in BODY_25's.

    Returns:
        [..., T, N, 3] metres, and the confidence.
    """
    if of not in ("joints", "keypoints"):
        raise BadInputError(f"the field 'of' of joint_positions is {of!r}; it must be 'joints' or 'keypoints'")
    points = x.joints if of == "joints" else x.keypoints
    if points.shape[-2] != positions.shape[-2]:
        raise BadInputError(
            f"joint_positions is given {positions.shape[-2]} positions, but the body has {points.shape[-2]} {of}"
        )
    return points - positions[..., :3], positions[..., 3]
