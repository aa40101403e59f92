"""How far a motion is from the true one: joints, accelerations, and limbs in the wrong place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body import SMPL_JOINTS
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.evaluate import mpjpe, pa_mpjpe
from fit_avatar.report.limb_check import LIMBS, LimbConfig

FloatArray = NDArray[np.float64]

LIMB_JOINTS = tuple(
    SMPL_JOINTS.index(f"{side}_{joint}")
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""The twelve joints of arms and legs, on which the definitions of different skeletons agree best."""
LIMB_ENDS = {
    f"{side} {name}": tuple(BODY_25.index(f"{side}_{end}") for end in ends)
    for side in ("left", "right")
    for name, ends in {
        "upper arm": ("shoulder", "elbow"),
        "forearm": ("elbow", "wrist"),
        "thigh": ("hip", "knee"),
        "shin": ("knee", "ankle"),
    }.items()
}
"""The points at both ends of the limbs that the program's warnings name."""


@dataclass(frozen=True)
class MotionErrors:
    """Of one motion, against the truth of the same frames."""

    mpjpe_mm: float
    """Mean distance of the 24 joints, with the pelvis in place."""
    pa_mpjpe_mm: float
    """The same after a similarity transform of every frame."""
    limb_pa_mpjpe_mm: float
    """The same of the twelve joints of the limbs alone."""
    acceleration_m_s2: float
    """Mean error of the joints' acceleration against the pelvis; NaN if no three frames follow each other."""
    true_acceleration_m_s2: float
    """Mean size of the true one."""


def motion_errors(joints: FloatArray, truth: FloatArray, frames: NDArray[np.int64], fps: float) -> MotionErrors:
    """Compare joints with the true ones.

    Args:
        joints: of the fit. [T, 24, 3] metres
        truth: [T, 24, 3]
        frames: their indices in the video, ascending. [T]
        fps: frames a second of the video.
    """
    found, true = (accelerations(x, frames, fps) for x in (joints, truth))
    limbs = list(LIMB_JOINTS)
    return MotionErrors(
        1000 * mpjpe(joints, truth, root=0),
        1000 * pa_mpjpe(joints, truth),
        1000 * pa_mpjpe(joints[:, limbs], truth[:, limbs]),
        float(np.linalg.norm(found - true, axis=-1).mean()) if len(found) else float("nan"),
        float(np.linalg.norm(true, axis=-1).mean()) if len(true) else float("nan"),
    )


def accelerations(joints: FloatArray, frames: NDArray[np.int64], fps: float) -> FloatArray:
    """Return the joints' accelerations against the pelvis, where three frames follow each other. [N, 23, 3] m/s²"""
    hung = joints[:, 1:] - joints[:, :1]
    steps = np.diff(frames)
    (even,) = np.nonzero(steps[1:] == steps[:-1])
    second = hung[even] - 2 * hung[even + 1] + hung[even + 2]
    return np.asarray(second * (fps / steps[even])[:, None, None] ** 2)


def wrong_limbs(points: FloatArray, truth: FloatArray, config: LimbConfig = LIMBS) -> tuple[str, ...]:
    """Return the limbs that point elsewhere than they do in truth, by the program's own measure of wrong.

    Args:
        points: the body's BODY_25 points. [T, 25, 3]
        truth: [T, 25, 3]
        config: how far off a limb is wrong, and in what part of the frames.
    """
    return tuple(
        name
        for name, (start, end) in LIMB_ENDS.items()
        if np.mean(_angle(points[:, end] - points[:, start], truth[:, end] - truth[:, start]) > config.wrong_rad)
        > config.wrong_part
    )


def named_limbs(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Return the limbs that warnings say to be in the wrong place."""
    return tuple(
        name
        for name in LIMB_ENDS
        if any(said.startswith(f"The {name} ") and "in the wrong place" in said for said in warnings)
    )


def _angle(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the angles between vectors. [T, 3] → [T] radians"""
    return np.asarray(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))
