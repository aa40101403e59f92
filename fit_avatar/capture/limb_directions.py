"""Directions of limbs in 3D, as a detector of metric points sees them in single frames."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import MEDIAPIPE_33
from fit_avatar.capture.camera import is_distorted
from fit_avatar.capture.types import Camera, LimbDirections

LIMBS = {
    "left_shoulder-left_elbow": 11.5, "left_elbow-left_wrist": 15.0,
    "right_shoulder-right_elbow": 11.5, "right_elbow-right_wrist": 15.0,
    "left_hip-left_knee": 7.0, "left_knee-left_ankle": 7.0,
    "right_hip-right_knee": 7.0, "right_knee-right_ankle": 7.0,
    "right_shoulder-left_shoulder": 6.0, "right_hip-left_hip": 7.0,
}  # fmt: skip
"""Limbs, from one of MediaPipe's points to another, and the noise of each direction in degrees where it is seen.

Measured against the true joints of rendered people in three clothings: the median angle divided by that of a Rayleigh
distribution (1.18), so that the few frames that are far off do not count. Over all limbs the median is 10° off."""
HIDDEN_DEG = 30.0
"""The same for limbs whose points the model calls invisible. Measured likewise. In between, the share of this variance
is the square of what the visibility lacks to 1; errors and noise then have the ratio that they should have."""
_STEP_PX = 2.0
"""Half the side of the patch over which the lens is taken as linear. Chosen by hand."""


def limb_directions(world: NDArray[np.float32]) -> LimbDirections:
    """Return the limbs' directions from metric points (x, y, z, confidence) of MediaPipe's set. [T, 33, 4]"""
    ends = _ends()
    confidence = world[:, ends, 3].min(-1).clip(0.0, 1.0)
    along = world[:, ends[:, 1], :3] - world[:, ends[:, 0], :3]
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    seen = (length[..., 0] > 0) & (confidence > 0)
    directions = np.where(seen[..., None], along / np.where(length > 0, length, 1.0), 0.0)
    hidden = (1.0 - confidence) ** 2
    variance = (1.0 - hidden) * np.square(list(LIMBS.values())) + hidden * HIDDEN_DEG**2
    sigma = np.where(seen, np.radians(np.sqrt(variance)), np.inf)
    return LimbDirections(tuple(LIMBS), directions.astype(np.float32), sigma.astype(np.float32))


def undistort_limbs(limbs: LimbDirections, points: NDArray[np.float32], camera: Camera) -> LimbDirections:
    """Turn directions as the lens turns the picture in the middle of each limb.

    Args:
        limbs: as seen in the distorted picture.
        points: MediaPipe's points (u, v, …) in pixels of the distorted picture. [T, 33, 2 or more]
        camera: of that picture.
    """
    if not is_distorted(camera):
        return limbs
    middles = points[:, _ends(), :2].mean(2)
    directions = turn_with_lens(limbs.directions, middles, camera)
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    return replace(limbs, directions=(directions / np.where(length > 0, length, 1.0)).astype(np.float32))


def undistort_world(world: NDArray[np.float32], points: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Turn metric points as the lens turns the picture around the hips.

    Args:
        world: (x, y, z, confidence), from the middle of the hips. [T, 33, 4]
        points: as for :func:`undistort_limbs`.
        camera: of the distorted picture.
    """
    if not is_distorted(camera):
        return world
    hips = points[:, [MEDIAPIPE_33.index("left_hip"), MEDIAPIPE_33.index("right_hip")], :2].mean(1, keepdims=True)
    places = np.broadcast_to(hips, (*world.shape[:2], 2))
    return np.concatenate([turn_with_lens(world[..., :3], places, camera), world[..., 3:]], -1)


def turn_with_lens(vectors: NDArray[np.float32], places: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Change the part of vectors that lies in the picture as undistortion changes the picture around a place.

    The picture's scale does not count: a vector along its axes keeps its length.

    Args:
        vectors: in the camera's axes. [..., 3]
        places: in pixels of the distorted picture. [..., 2]
        camera: of that picture.
    """
    k, coefficients = camera.intrinsics, np.array(camera.k)
    steps = _STEP_PX * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], np.float64)
    around = (places[..., None, :].astype(np.float64) + steps).reshape(-1, 1, 2)
    moved = cv2.undistortPoints(around, k, coefficients, P=k).reshape(*places.shape[:-1], 4, 2)
    jacobian = np.stack([moved[..., 0, :] - moved[..., 1, :], moved[..., 2, :] - moved[..., 3, :]], -1) / (2 * _STEP_PX)
    size = np.sqrt(np.abs(np.linalg.det(jacobian)))[..., None, None]
    turned = vectors.copy()
    turned[..., :2] = ((jacobian / np.maximum(size, 1e-6)) @ vectors[..., :2, None].astype(np.float64))[..., 0]
    return turned


def _ends() -> NDArray[np.int64]:
    """Return the indices of both ends of each limb among MediaPipe's points. [L, 2]"""
    return np.array([[MEDIAPIPE_33.index(end) for end in limb.split("-")] for limb in LIMBS])
