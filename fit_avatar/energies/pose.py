"""Terms on poses alone: the shared mean pose and smoothness in time. Residuals in radians or metres."""

from __future__ import annotations

from torch import Tensor

from fit_avatar.body import rotation


def pose_deviation(rotations: Tensor, mean: Tensor) -> Tensor:
    """How far each frame's joints are from the clip's mean pose.

    rotations [T, J, 3, 3], mean [J, 3, 3] → [T, J, 3] radians
    """
    return rotation.log(mean.transpose(-1, -2) @ rotations)


def rotation_acceleration(rotations: Tensor, steps: Tensor) -> Tensor:
    """Change of every joint's angular velocity between neighbouring frames.

    rotations [T, J, 3, 3], steps [T−1] frame intervals in units of the usual one → [T−2, J, 3] radians
    """
    velocity = rotation.log(rotations[:-1].transpose(-1, -2) @ rotations[1:]) / steps[:, None, None]
    return velocity[1:] - velocity[:-1]


def translation_acceleration(transl: Tensor, steps: Tensor) -> Tensor:
    """Change of velocity. transl [T, 3], steps [T−1] → [T−2, 3] metres"""
    velocity = (transl[1:] - transl[:-1]) / steps[:, None]
    return velocity[1:] - velocity[:-1]
