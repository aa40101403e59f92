"""The captured motion in the frame of the files: y up, the person on the floor near the origin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import coefficients, local_rotations, pose_body, pose_skeleton
from fit_avatar.body.state import BodyState

FloatArray = NDArray[np.float64]

MAX_TILT_RAD = np.radians(45)
"""A person who leans further on average lies down and is not set upright. Chosen by hand."""

FLOOR_FRAMES = 120
"""So many frames say where the floor is, which takes all vertices. Chosen by hand."""


@dataclass(frozen=True)
class Motion:
    """T poses for an animation."""

    rotations: FloatArray  # [T, J, 4] local quaternions (x, y, z, w), of continuous sign
    pelvis: FloatArray  # [T, 3] metres
    world_from_camera: FloatArray  # [4, 4] from camera axes (y down, z forward) to the animation's (y up)


def root_motion(body: Body, state: BodyState) -> Motion:
    """Return the motion upright and on the floor.

    A half turn about x makes the camera's axes y up; the tilt of the camera is removed by setting the average person
    upright. The mean position of the pelvis is above the origin, and the lowest vertex of the median frame is at y = 0,
    where of long clips :data:`FLOOR_FRAMES` are looked at.
    """
    betas, some = coefficients(state), _spread(len(state.transl))
    joints = pose_skeleton(body, betas, local_rotations(state), state.transl).joints.detach().cpu().double().numpy()
    turn = _upright(body, joints @ np.diag([1.0, -1, -1])) @ np.diag([1.0, -1, -1])
    vertices = pose_body(body, frames_of(state, some)).vertices.detach().cpu().double().numpy()
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


def seconds(
    frames: int, fps: float, frame_indices: NDArray[np.int64] | None = None, times_s: FloatArray | None = None
) -> FloatArray:
    """Return the time of each of T frames, the first at 0: as given, or by their indices in the video. [T]"""
    if times_s is not None:
        return np.asarray(times_s - times_s[0])
    indices = np.arange(frames) if frame_indices is None else np.asarray(frame_indices)
    return np.asarray((indices - indices[0]) / fps)


def evenly_spaced(motion: Motion, times: FloatArray, fps: float) -> tuple[Motion, float]:
    """Return as many poses at a constant rate, and the rate, for formats that have no times.

    Args:
        motion: T poses.
        times: of the poses, in seconds. [T]
        fps: the rate of a single pose.
    """
    if len(times) < 2:
        return motion, fps
    even = np.linspace(times[0], times[-1], len(times))
    rate = (len(times) - 1) / (times[-1] - times[0])
    joints = [Slerp(times, Rotation.from_quat(turns))(even).as_quat() for turns in motion.rotations.swapaxes(0, 1)]
    pelvis = [np.interp(even, times, axis) for axis in motion.pelvis.T]
    return replace(motion, rotations=np.stack(joints, 1), pelvis=np.stack(pelvis, 1)), float(rate)


def frames_of(state: BodyState, frames: slice | NDArray[np.int64]) -> BodyState:
    """Return the poses of some frames."""
    expression = None if state.expression is None else state.expression[frames]
    return replace(
        state, global_orient=state.global_orient[frames], body_pose=state.body_pose[frames],
        transl=state.transl[frames], expression=expression,
    )  # fmt: skip


def _spread(frames: int) -> NDArray[np.int64]:
    """Return the indices of at most :data:`FLOOR_FRAMES` of so many frames, evenly spread."""
    if frames <= FLOOR_FRAMES:
        return np.arange(frames)
    return np.linspace(0, frames - 1, FLOOR_FRAMES).round().astype(np.int64)


def _upright(body: Body, joints: FloatArray) -> FloatArray:
    """Return the smallest rotation that sets the average person upright. joints [T, J, 3], y up → [3, 3]"""
    ankles = [body.joint_names.index(name) for name in ("left_ankle", "right_ankle")]
    up = (joints[:, body.joint_names.index("head")] - joints[:, ankles].mean(1)).sum(0)
    up /= np.linalg.norm(up)
    axis, angle = np.cross(up, [0.0, 1, 0]), np.arccos(np.clip(up[1], -1, 1))
    if angle > MAX_TILT_RAD or angle < 1e-6:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix())
