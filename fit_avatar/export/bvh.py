"""avatar.bvh: skeleton and motion in Biovision's format for motion capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.axes import Axes
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.motion import Motion, evenly_spaced, root_motion, seconds
from fit_avatar.export.rig import Rig, rest_rig
from fit_avatar.io.atomic import write_bytes

FloatArray = NDArray[np.float64]

ORDER = "ZXY"
"""Order of a joint's three rotations, the outermost first."""
DIGITS = 6
"""After the decimal point."""


def write_bvh(
    path: Path,
    body: Body,
    state: BodyState,
    fps: float,
    frame_indices: NDArray[np.int64] | None = None,
    skeleton: str = "smpl",
    axes: Axes | None = None,
    times_s: NDArray[np.float64] | None = None,
) -> Path:
    """Write hierarchy and motion; the rest pose is the body's bind pose, in which all of a BVH's rotations are zero.

    The format has no unit: lengths are in that of ``axes``.

    Args:
        path: of the file.
        body: the body.
        state: shape and T poses.
        fps: frames per second of the video.
        frame_indices: of the T frames in the video; unevenly spaced ones are interpolated to a constant rate. [T]
        skeleton: naming of the joints.
        axes: of the file; by default y up and metres.
        times_s: when the frames were taken, in seconds; by default as ``frame_indices`` and ``fps`` say. [T]

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    axes = axes or Axes()
    rig = rest_rig(body, state, skeleton, axes)
    motion, rate = evenly_spaced(root_motion(body, state), seconds(len(state.transl), fps, frame_indices, times_s), fps)
    lines = ["HIERARCHY", *_joint(rig, 0, _tips(body, state, rig, axes), ""), "MOTION"]
    lines += [f"Frames: {len(motion.pelvis)}", f"Frame Time: {1 / rate:.8f}"]
    lines += [" ".join(f"{value:.{DIGITS}f}" for value in row) for row in _channels(rig, motion, axes)]
    write_bytes(path, ("\n".join(lines) + "\n").encode())
    return path


def _joint(rig: Rig, joint: int, tips: FloatArray, indent: str) -> list[str]:
    """Return the lines of a joint and its descendants."""
    root, moves, inner = rig.parents[joint] < 0, joint <= rig.pelvis, indent + "\t"
    # The position of the root and the pelvis is in their channels; some programs would add the offset to it.
    offset = np.zeros(3) if moves else rig.world[joint, :3, 3] - rig.world[rig.parents[joint], :3, 3]
    rotations = " ".join(f"{axis}rotation" for axis in ORDER)
    channels = f"6 Xposition Yposition Zposition {rotations}" if moves else f"3 {rotations}"
    lines = [
        f"{indent}{'ROOT' if root else 'JOINT'} {rig.names[joint]}",
        indent + "{",
        f"{inner}OFFSET {_numbers(offset)}",
        f"{inner}CHANNELS {channels}",
    ]
    for child in rig.children(joint):
        lines += _joint(rig, child, tips, inner)
    if not rig.children(joint):
        lines += [f"{inner}End Site", inner + "{", f"{inner}\tOFFSET {_numbers(tips[joint])}", inner + "}"]
    return [*lines, indent + "}"]


def _tips(body: Body, state: BodyState, rig: Rig, axes: Axes) -> FloatArray:
    """Return where bones without a child end, from the joint: twice the way to their vertices' centre. [R, 3]"""
    vertices = axes.points(rest_mesh(body, state).vertices)
    weights = body.lbs_weights.cpu().double().numpy()
    total = weights.sum(0)[:, None]
    centre = weights.T @ vertices / np.maximum(total, 1e-9)
    tips = np.where(total > 1e-9, 2 * (centre - rig.world[rig.pelvis :, :3, 3]), 0.0)
    return np.concatenate([np.zeros((rig.pelvis, 3)), tips])


def _channels(rig: Rig, motion: Motion, axes: Axes) -> FloatArray:
    """Return a row for each frame: three angles in degrees a joint, after positions of root and pelvis. [T, C]"""
    frames = len(motion.pelvis)
    local = axes.rotations(Rotation.from_quat(rig.with_root(motion.rotations).reshape(-1, 4)).as_matrix())
    local = local.reshape(frames, -1, 3, 3)
    rotations = np.empty_like(local)  # of each joint, from the bind pose
    angles = {}
    for joint in _depth_first(rig, 0):
        parent, bind = rig.parents[joint], rig.world[joint, :3, :3]
        above = np.tile(np.eye(3), (frames, 1, 1)) if parent < 0 else rotations[:, parent] @ rig.world[parent, :3, :3]
        rotations[:, joint] = above @ local[:, joint] @ bind.T
        from_rest = rotations[:, joint] if parent < 0 else rotations[:, parent].transpose(0, 2, 1) @ rotations[:, joint]
        degrees = Rotation.from_matrix(from_rest).as_euler(ORDER, degrees=True)
        angles[joint] = np.unwrap(degrees, axis=0, period=360.0)
    still = np.zeros((frames, 6 * rig.pelvis))
    turns = [angles[joint] for joint in angles if joint >= rig.pelvis]
    return np.concatenate([still, axes.points(motion.pelvis), *turns], axis=1)


def _depth_first(rig: Rig, joint: int) -> list[int]:
    """Return the joints in the order of the hierarchy."""
    return [joint, *(below for child in rig.children(joint) for below in _depth_first(rig, child))]


def _numbers(values: FloatArray) -> str:
    return " ".join(f"{value:.{DIGITS}f}" for value in values)
