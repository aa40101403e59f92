"""What MediaPipe's metric points get wrong alike in all clips: thighs that lean back, and upper arms behind hands.

Both were measured on rendered clips, three turns and ten other motions, against the true joints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import MEDIAPIPE_33
from fit_avatar.capture.types import LimbDirections

FloatArray = NDArray[np.floating[Any]]

THIGH_FORWARD = 0.12
"""What the unit vectors of thighs lack in the direction in which the person faces: the points of the hips lie in front
of the joints. Chosen on the turns, which lack 0.10, 0.11 and 0.14; the other motions lack 0.07 to 0.24. With it the
median angle to the true thighs falls from 11° to 8° on the motions."""
END_ON = (0.7, 0.85)
"""A forearm of which this share of its length points to the camera begins to hide the elbow behind the hand, and hides
it. Chosen by hand: up to the first, upper arms are no more in error than elsewhere."""
ELBOW_BACK = 0.4
"""What the unit vector of an upper arm then lacks along the optical axis, away from the camera. It is 0.47 in the mean
where 0.9 of the forearm point to the camera, 0.38 from 0.8 to 0.9, and 0.04 in all other frames."""
ELBOW_DEG = 15.0
"""The noise of its direction that comes to that of other upper arms. The errors along the axis spread by 16° to 25°."""
TRUNK = tuple(MEDIAPIPE_33.index(name) for name in ("left_hip", "right_hip", "left_shoulder", "right_shoulder"))
_TINY = 1e-9


def without_bias(limbs: LimbDirections, world: FloatArray) -> LimbDirections:
    """Return directions without the errors that all clips share, and with the noise that is left.

    Args:
        limbs: as the metric points have them.
        world: these points (x, y, z, confidence) of MediaPipe's set. [T, 33, 4]
    """
    directions, sigma = limbs.directions.astype(np.float64), limbs.sigma_rad.astype(np.float64)
    ahead = facing(world)
    for side in ("left", "right"):
        thigh, upper, fore = (
            limbs.limbs.index(f"{side}_{a}-{side}_{b}")
            for a, b in (("hip", "knee"), ("shoulder", "elbow"), ("elbow", "wrist"))
        )
        directions[:, thigh] = _moved(directions[:, thigh], THIGH_FORWARD * ahead)
        hidden = end_on(directions[:, fore, 2])
        back = np.array([0.0, 0.0, ELBOW_BACK]) * hidden[:, None]
        directions[:, upper] = _moved(directions[:, upper], back)
        sigma[:, upper] = np.hypot(sigma[:, upper], np.radians(ELBOW_DEG) * hidden)
    return LimbDirections(limbs.limbs, directions.astype(np.float32), sigma.astype(np.float32))


def end_on(depth: FloatArray) -> FloatArray:
    """Return how far forearms hide the elbow behind them, 0 to 1, from their unit vectors' part along the ray. [...]"""
    begin, end = END_ON
    return np.clip((-depth - begin) / (end - begin), 0.0, 1.0)


def facing(world: FloatArray) -> NDArray[np.float64]:
    """Return the direction in which the chest faces, as a unit vector; 0 where hips or shoulders are unseen. [T, 3]"""
    left_hip, right_hip, left_shoulder, right_shoulder = np.moveaxis(world[:, TRUNK, :3].astype(np.float64), 1, 0)
    left = _unit(left_hip - right_hip + left_shoulder - right_shoulder)
    up = _unit(left_shoulder + right_shoulder - left_hip - right_hip)
    seen = (world[:, TRUNK, 3] > 0).all(1, keepdims=True)
    return np.where(seen, _unit(np.cross(left, up)), 0.0)


def _moved(directions: FloatArray, step: FloatArray) -> NDArray[np.float64]:
    """Return unit vectors moved by steps; those that are 0, of limbs that are unseen, stay so. [T, 3]"""
    moved = np.where((directions != 0).any(-1, keepdims=True), _unit(directions + step), directions)
    return np.asarray(moved, np.float64)


def _unit(vectors: FloatArray) -> NDArray[np.float64]:
    """Return vectors of length 1; those that are nearly 0 are 0. [..., 3]"""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.where(length > _TINY, vectors / np.maximum(length, _TINY), 0.0), np.float64)
