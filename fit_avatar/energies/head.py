"""How the head is turned, from the points of its face: a rigid face is fitted to each frame, and the body follows.

The points of a mean face tell yaw and roll within two or three degrees while the face looks to the camera. Its pitch is
off by up to 13° in all frames alike, since nobody has the mean face's profile; so it is compared between frames only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.face_points import FacePoints, RestingFace
from fit_avatar.body.points import Points
from fit_avatar.capture.types import Camera
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError

STRIDE = 4
"""Of the points, every so many-th: neighbours err together."""
STARTS_RAD = (-0.6, 0.0, 0.6)
"""Yaws from which a face is fitted; the best end counts. Chosen by hand."""
ITERATIONS = 20
POINT_SCALE_M = 0.005
"""Geman–McClure scale of a point's error. Chosen by hand."""
UNSEEN, SEEN = 0.2, 0.6
"""Cosine between the skin's normal and the view at which a point has no weight and all of it, as for the terms on
points. Chosen by hand."""
NEAR_RAD, FAR_RAD = 0.26, 0.61
"""Angle between the face and the view up to which a turn is trusted, and from which it is not: on seven clips the yaw
is 1 to 3° off below 20°, up to 10° at 40°, and beyond 50° it stops following the head."""
GOOD_M, BAD_M = 0.0015, 0.0025
"""Error of the fitted points, as a root of the mean square of a coordinate, up to which a face is trusted, and from
which it is not: nearly in profile the detector makes up a face that looks to the camera. On seven clips."""
PIXEL_NOISE, FACE_M = 1.0, 0.1
"""Noise that all points of a face share, in pixels, and over which length: small faces tell less. Chosen by hand."""
NOISE_RAD = 0.05
"""Noise of a turn where pixels are fine, on seven clips."""


@dataclass(frozen=True)
class HeadPose:
    """How the head is turned in each frame, as its face tells it."""

    rotations: Tensor
    """From the axes of the resting body to the camera's. [..., T, 3, 3]"""
    confidence: Tensor
    """In [0, 1]; 0 where the face is not seen or looks away. [..., T]"""

    def to(self, device: str | torch.device) -> HeadPose:
        """Return the same on ``device``."""
        return HeadPose(self.rotations.to(device), self.confidence.to(device))


def find_head_pose(face_468: Tensor, face_points: FacePoints, camera: Camera) -> HeadPose:
    """Fit a rigid mean face to the points of each frame.

    Args:
        face_468: (u, v, confidence), MediaPipe's order. [..., T, 468, 3]
        face_points: where they lie, with the resting face.
        camera: the camera.
    """
    found, lead = face_points.every(STRIDE), face_468.shape[:-2]
    assert found.rest is not None
    detected = face_468[..., torch.from_numpy(found.index).to(face_468.device), :].double().flatten(0, -3)
    sure = detected[..., 2].mean(-1)
    seen = torch.nonzero(sure > 0)[:, 0]
    rotations = torch.eye(3, dtype=torch.float64, device=sure.device).repeat(len(sure), 1, 1)
    confidence = torch.zeros_like(sure)
    if len(seen):
        turned, place, error = _fitted(detected[seen, :, :2], found.rest.to(sure.device), camera)
        noise = PIXEL_NOISE * place[:, 2] / camera.fx / FACE_M
        ahead = -(turned[:, :, 2] * torch.nn.functional.normalize(place, dim=-1)).sum(-1)
        facing = ((FAR_RAD - ahead.clamp(-1, 1).acos()) / (FAR_RAD - NEAR_RAD)).clamp(0, 1)
        rotations[seen] = turned
        agrees = ((BAD_M - error) / (BAD_M - GOOD_M)).clamp(0, 1)
        confidence[seen] = sure[seen].clamp(0, 1) * facing * agrees / (1 + (noise / NOISE_RAD).square())
    return HeadPose(rotations.view(*lead, 3, 3).to(face_468), confidence.view(lead).to(face_468))


def _fitted(pixels: Tensor, rest: RestingFace, camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    """Return how the face is turned, where it is, and its points' error in metres, from the start that ends best.

    [T, N, 2] → [T, 3, 3], [T, 3], [T]
    """
    slopes = _slopes(pixels, camera)
    starts = pixels.new_zeros(len(STARTS_RAD), 3)
    starts[:, 1] = pixels.new_tensor(STARTS_RAD)
    upright = rotation.exp(starts) @ torch.diag(pixels.new_tensor([1.0, -1.0, -1.0]))  # [S, 3, 3]
    away = rest.points[:, :2].std(0).mean() / slopes.std(-2).mean(-1)
    place = torch.cat([slopes.median(-2).values, torch.ones_like(away)[:, None]], -1) * away[:, None]
    turned, place = upright[:, None].expand(-1, len(pixels), -1, -1), place.expand(len(starts), -1, -1)
    for _ in range(ITERATIONS):
        turned, place = _step(turned, place, slopes, rest)
    error, weight, _ = _errors(turned, place, slopes, rest)
    cost = (weight * error.square().sum(-1)).sum(-1) / weight.sum(-1).clamp_min(5.0) / 2  # [S, T]
    cost, best = cost.nan_to_num(torch.inf).min(0)
    every = torch.arange(len(pixels), device=pixels.device)
    return turned[best, every], place[best, every], cost.sqrt()


def _errors(turned: Tensor, place: Tensor, slopes: Tensor, rest: RestingFace) -> tuple[Tensor, Tensor, Tensor]:
    """Return the points' errors in metres [..., N, 2], their weights [..., N], and where they are [..., N, 3].

    The weights are of least squares; :func:`_step` makes them robust.
    """
    points = rest.points @ turned.transpose(-1, -2) + place[..., None, :]
    normals = rest.normals @ turned.transpose(-1, -2)
    cosine = -(normals * torch.nn.functional.normalize(points, dim=-1)).sum(-1)
    error = (points[..., :2] / points[..., 2:].clamp_min(0.1) - slopes) * place[..., None, 2:]
    return error, ((cosine - UNSEEN) / (SEEN - UNSEEN)).clamp(0, 1) * rest.precision, points


def _by_point(points: Tensor, place: Tensor) -> Tensor:
    """Return the derivatives of errors by their points. [..., N, 3], [..., 3] → [..., N, 2, 3]"""
    depth = points[..., 2:].clamp_min(0.1)
    by_point = torch.zeros(*points.shape[:-1], 2, 3, dtype=points.dtype, device=points.device)
    by_point[..., 0, 0] = by_point[..., 1, 1] = 1
    by_point[..., 2] = -points[..., :2] / depth
    return by_point * (place[..., None, 2:] / depth)[..., None]


def _slopes(pixels: Tensor, camera: Camera) -> Tensor:
    focal, centre = pixels.new_tensor([camera.fx, camera.fy]), pixels.new_tensor([camera.cx, camera.cy])
    return (pixels - centre) / focal


@dataclass(frozen=True)
class RigidFaces:
    """A rigid face of N points, placed in T frames, and what its points are off by."""

    rotations: Tensor
    """From the axes of the resting body to the camera's. [T, 3, 3]"""
    places: Tensor
    """Of the face's middle, in metres. [T, 3]"""
    errors: Tensor
    """From the detected points to the face's, metres at the face's distance. [T, N, 2]"""
    weights: Tensor
    """How surely a point faces the camera, times its precision. [T, N]"""
    by_point: Tensor
    """Derivatives of errors by points in the camera's axes. [T, N, 2, 3]"""
    jacobian: Tensor
    """Derivatives of errors by a rotation about the face's middle, and its place. [T, N, 2, 6]"""

    def frames(self, which: Tensor) -> RigidFaces:
        """Return some of the frames."""
        return RigidFaces(**{name: value[which] for name, value in vars(self).items()})


def fit_rigid_faces(pixels: Tensor, rest: RestingFace, camera: Camera) -> RigidFaces:
    """Place a resting face in each frame so that its points agree with those detected. [T, N, 2]"""
    slopes = _slopes(pixels, camera)
    turned, place, _ = _fitted(pixels, rest, camera)
    error, weight, points = _errors(turned, place, slopes, rest)
    by_point = _by_point(points, place)
    arms = rotation.skew(points - place[..., None, :])
    return RigidFaces(turned, place, error, weight, by_point, torch.cat([-by_point @ arms, by_point], -1))


def _step(turned: Tensor, place: Tensor, slopes: Tensor, rest: RestingFace) -> tuple[Tensor, Tensor]:
    """Return the pose after a Gauss–Newton step. A rotation R moves to exp(ω) R."""
    error, weight, points = _errors(turned, place, slopes, rest)
    weight = weight / (1 + error.square().sum(-1) / POINT_SCALE_M**2).square()
    by_point = _by_point(points, place)
    arms = rotation.skew(points - place[..., None, :])
    jacobian = torch.cat([-by_point @ arms, by_point], -1)  # [..., N, 2, 6]
    normal = torch.einsum("...nci,...n,...ncj->...ij", jacobian, weight, jacobian)
    right = torch.einsum("...nci,...n,...nc->...i", jacobian, weight, error)
    held = torch.diag(points.new_tensor([1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-4]))
    step = torch.linalg.solve(normal + held, -right)
    return rotation.exp(step[..., :3].clamp(-0.3, 0.3)) @ turned, place + step[..., 3:]


# -- the term -------------------------------------------------------------------------------------------------


def _axes(x: PosedBody) -> PosedPoints:
    """Return a point of the head's bone and three at unit distance from it along the resting body's axes."""
    if "head" not in x.body.joint_names:
        raise BadInputError(f"the body {x.body.name} has no joint 'head'")
    template = torch.cat([x.body.template.new_zeros(1, 3), torch.eye(3, dtype=x.transl.dtype, device=x.transl.device)])
    weights = x.body.template.new_zeros(4, len(x.body.joint_names))
    weights[:, x.body.joint_names.index("head")] = 1
    return x.read_points(Points(template, template.new_zeros(4, 3, x.body.shape_basis.shape[-1]), weights))


def _turns(points: Tensor, rotations: Tensor) -> Tensor:
    """Return pitch, yaw and roll of the head against a rotation; sines. [..., T, 4, 3] → [..., T, 3]"""
    axes = (points[..., 1:, :] - points[..., :1, :]).transpose(-1, -2)
    between = rotations.transpose(-1, -2) @ axes
    crossed = between - between.transpose(-1, -2)
    return torch.stack([crossed[..., 2, 1], crossed[..., 0, 2], crossed[..., 1, 0]], -1) / 2


def _prepare_turn(x: PosedBody, head_pose: HeadPose, pitch_frames: float = 0.0) -> Mapping[str, Any]:
    sure = head_pose.confidence
    total = sure.sum(-1, keepdim=True).clamp_min(1e-6)
    pitch = _turns(_axes(x).posed, head_pose.rotations)[..., 0]
    common = (pitch * sure).sum(-1, keepdim=True) / total
    once = sure * (pitch_frames / total).clamp_max(1.0)
    return {"pitch": common, "confidence": torch.stack([sure, sure, sure, once], -1)[..., None, :]}


@energy(
    observes=("head_pose",),
    reads=_axes,
    prepare=_prepare_turn,
    makes=("pitch", "confidence"),
)
def head_turn(points: Tensor, head_pose: HeadPose, pitch: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
    """Sines of the angles between the head and how its face is turned.

    Args:
        points: of the head's bone: a centre, and the ends of its three axes. [..., T, 4, 3]
        head_pose: how the face is turned.
        pitch: of the face against the head, in all frames alike; made by the preparation. [..., 1]
        confidence: made by the preparation, in which the pitch itself counts as ``pitch_frames`` frames in all, by
            default none. [..., T, 1, 4]

    Returns:
        Yaw, roll, pitch against that of all frames, and the pitch itself; and the confidence. [..., T, 1, 4]
    """
    own, yaw, roll = _turns(points, head_pose.rotations).unbind(-1)
    return torch.stack([yaw, roll, own - pitch, own], -1)[..., None, :], confidence
