"""Terms on hands: the detector's 21 points of each, where it can be believed, and how far fingers are from relaxed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.constants import places
from fit_avatar.body.joints import FINGER_JOINTS
from fit_avatar.body.model import Body
from fit_avatar.body.poses import a_pose
from fit_avatar.capture.types import Camera
from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.landmarks import HANDS, common_points, read_hands
from fit_avatar.energies.pose import between
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.projection import pixel_size_in_metres, scaled
from fit_avatar.energies.term import energy

WRIST, INDEX, LITTLE = 0, 5, 17
"""The corners of the palm among a hand's 21 points."""
LEAST_HAND_PX = 40.0
"""A hand that is smaller in the picture, along either axis, is not believed: its fingers are two pixels wide. Chosen by
hand."""
MOST_DISAGREEMENT = 0.4
"""Difference of the palm's turn between detector and body above which the hand is not believed. On two rendered people
palms differ by up to 0.2 where the detector is right; where it takes the back for the palm, by 0.3 to 1.1."""

# -- the detector's points ------------------------------------------------------------------------------------


def palm_turn(points: Tensor) -> Tensor:
    """Return twice the signed area of the palm, the triangle of wrist, index and little finger. [..., 21, 2] → [...]

    Its sign says whether the palm or the back of the hand is seen.
    """
    index, little = (points[..., k, :] - points[..., WRIST, :] for k in (INDEX, LITTLE))
    area: Tensor = index[..., 0] * little[..., 1] - index[..., 1] * little[..., 0]
    return area


def believable(hands: Tensor, own: Tensor, sides_px: Tensor) -> Tensor:
    """Return 1 for hands that are large enough, and whose palm faces as the body's does, else 0. [..., 2]

    Args:
        hands: detected (u, v, confidence), left and right. [..., 2, 21, 3]
        own: the body's points in the picture. [..., 2, 21, 2]
        sides_px: product of the lengths of the palm's two sides as seen from the front, in px². [..., 2]
    """
    seen = hands[..., :2]
    size = (seen.amax(-2) - seen.amin(-2)).amax(-1)
    apart = (palm_turn(seen) - palm_turn(own)) / sides_px.clamp_min(1e-6)
    found: Tensor = (size >= LEAST_HAND_PX) & (apart.abs() <= MOST_DISAGREEMENT)
    return found.to(hands)


def _prepare_hands(x: PosedBody, hands: Tensor, camera: Camera, in_metres: bool = False) -> Mapping[str, Any]:
    own, which = common_points(x.body.landmark_names, HANDS)
    detected = hands.flatten(-3, -2)[..., places(which, hands), :]
    confidence = detected[..., 2]
    if len(own) == len(HANDS):
        posed = x.read_landmarks(own).posed.detach().unflatten(-2, (2, 21))
        index, little = ((posed[..., k, :] - posed[..., WRIST, :]).norm(dim=-1) for k in (INDEX, LITTLE))
        sides_px = index * little * (camera.fx / posed[..., WRIST, 2].clamp_min(0.3)) ** 2
        told = believable(hands, camera.project(posed), sides_px)
        confidence = confidence * told[..., None].expand(*told.shape, 21).flatten(-2)
    return {"which": which, "confidence": confidence, **pixel_size_in_metres(x, camera, in_metres)}


@energy(
    vector=True,
    observes=("hands", "camera"),
    reads=read_hands,
    prepare=_prepare_hands,
    makes=("which", "confidence", "pixel_size"),
    hands="T 2 21 3",
)
def hand_reprojection(
    points: Tensor,
    hands: Tensor,
    camera: Camera,
    which: Sequence[int],
    confidence: Tensor,
    pixel_size: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Projected minus detected points of both hands, as :func:`landmark_reprojection`, where they can be believed.

    Detectors see the back of a hand where its palm is, now and then, with full confidence; such a hand would turn the
    whole arm. So a hand has no confidence in a frame in which its palm faces otherwise than the body's arm allows, and
    none if it is small.

    Args:
        points: the n landmarks of hands that the body has, 42 if it has fingers. [..., T, n, 3]
        hands: (u, v, confidence), left and right, OpenPose's order. [..., T, 2, 21, 3]
        camera: the camera.
        which: which of the 42 detected points they are; made by the preparation.
        confidence: of the points; made by the preparation. [..., T, n]
        pixel_size: made by the preparation where ``in_metres`` is set.

    Returns:
        [..., T, n, 2] pixels or metres, and the confidence.
    """
    detected = hands.flatten(-3, -2)[..., places(which, hands), :2]
    return scaled(camera.project(points) - detected, pixel_size), confidence


# -- relaxed fingers ------------------------------------------------------------------------------------------


@cache
def _fingers(names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(j for j, name in enumerate(names[1:]) if name in FINGER_JOINTS)


def _relaxed(body: Body) -> tuple[tuple[int, ...], Tensor]:
    """Return the joints of fingers, as places below the root, and their relaxed local rotations. [F, 3, 3]"""
    fingers = _fingers(body.joint_names)
    pose = a_pose(body)
    return fingers, pose[places(fingers, pose)]


def _turned(x: PosedBody, fingers: Sequence[int]) -> Tensor:
    return x.rotations[..., places([1 + j for j in fingers], x.rotations), :, :]


def _fingers_jacobian(x: PosedBody, hands: Tensor) -> Blocks:
    fingers, pose = _relaxed(x.body)
    slopes = rotation.right_jacobian_inverse(between(pose, _turned(x, fingers)))
    whole = slopes.new_zeros(*slopes.shape[:-1], x.body_pose.shape[-2], 3)
    for i, joint in enumerate(fingers):
        whole[..., i, :, joint, :] = slopes[..., i, :, :]
    return Blocks({"body_pose": whole.flatten(-4, -3).flatten(-2)})


@energy(jacobian=_fingers_jacobian, observes=("hands",), hands="T 2 21 3")
def relaxed_fingers(x: PosedBody, hands: Tensor) -> Tensor:
    """How far fingers are from a relaxed hand's, see :func:`~fit_avatar.body.poses.a_pose`. [..., T, F, 3] radians

    A hand's points say little about how far fingers bend towards the camera. Without any points no term moves fingers,
    which then stay as they are, so that this term is about clips whose hands were seen.
    """
    fingers, pose = _relaxed(x.body)
    return between(pose, _turned(x, fingers))
