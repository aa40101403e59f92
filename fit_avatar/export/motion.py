"""The captured motion in glTF's frame: y up, standing on the floor near the origin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState

FloatArray = NDArray[np.float64]

MAX_TILT = np.radians(45)
"""A person who seems to lean further than this on average is taken to lie down, and stays so."""


@dataclass(frozen=True)
class Motion:
    """T poses as a glTF animation wants them."""

    rotations: FloatArray  # [T, J, 4] local quaternions (x, y, z, w), neighbours on the same half of the sphere
    pelvis: FloatArray  # [T, 3] metres
    world_from_camera: FloatArray  # [4, 4] from camera axes (y down, z forward) to the animation's (y up)


def root_motion(body: Body, state: BodyState) -> Motion:
    """Turn the poses upright and put them on the floor.

    Camera axes become y-up by a half turn about x; a camera that looked up or down is undone by
    standing the average person upright. The pelvis' mean place is above the origin, and the lowest
    vertex of the median frame touches y = 0.
    """
    posed = pose_body(body, state)
    vertices, joints = (a.detach().cpu().double().numpy() for a in (posed.vertices, posed.joints))
    turn = _upright(body, joints @ np.diag([1.0, -1, -1])) @ np.diag([1.0, -1, -1])
    shift = -(joints[:, 0] @ turn.T).mean(0)
    shift[1] = -np.median((vertices @ turn[1]).min(axis=1))
    world_from_camera = np.eye(4)
    world_from_camera[:3, :3], world_from_camera[:3, 3] = turn, shift

    axis_angle = np.concatenate([state.global_orient.cpu().numpy()[:, None], state.body_pose.cpu().numpy()], 1)
    rotations = Rotation.from_rotvec(axis_angle.reshape(-1, 3).astype(np.float64)).as_quat()
    rotations = rotations.reshape(*axis_angle.shape[:2], 4)
    rotations[:, 0] = (Rotation.from_matrix(turn) * Rotation.from_quat(rotations[:, 0])).as_quat()
    for t in range(1, len(rotations)):
        rotations[t] *= np.where((rotations[t] * rotations[t - 1]).sum(-1, keepdims=True) < 0, -1, 1)
    return Motion(rotations, joints[:, 0] @ turn.T + shift, world_from_camera)


def seconds(frames: int, fps: float, frame_indices: NDArray[np.int64] | None = None) -> FloatArray:
    """Return when each of T frames was taken, the first at 0. [T]"""
    indices = np.arange(frames) if frame_indices is None else np.asarray(frame_indices)
    return np.asarray((indices - indices[0]) / fps)


def steady(motion: Motion, times: FloatArray, fps: float) -> tuple[Motion, float]:
    """Return as many poses at even distances in time, and their rate, for formats that know only a rate.

    Args:
        motion: T poses.
        times: when they are, in seconds. [T]
        fps: the rate where there is only one pose.
    """
    if len(times) < 2:
        return motion, fps
    even = np.linspace(times[0], times[-1], len(times))
    rate = (len(times) - 1) / (times[-1] - times[0])
    joints = [Slerp(times, Rotation.from_quat(turns))(even).as_quat() for turns in motion.rotations.swapaxes(0, 1)]
    pelvis = [np.interp(even, times, axis) for axis in motion.pelvis.T]
    return replace(motion, rotations=np.stack(joints, 1), pelvis=np.stack(pelvis, 1)), float(rate)


def _upright(body: Body, joints: FloatArray) -> FloatArray:
    """Return the smallest rotation that stands the average person upright. joints [T, J, 3], y up → [3, 3]"""
    ankles = [body.joint_names.index(name) for name in ("left_ankle", "right_ankle")]
    up = (joints[:, body.joint_names.index("head")] - joints[:, ankles].mean(1)).sum(0)
    up /= np.linalg.norm(up)
    axis, angle = np.cross(up, [0.0, 1, 0]), np.arccos(np.clip(up[1], -1, 1))
    if angle > MAX_TILT or angle < 1e-6:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix())
