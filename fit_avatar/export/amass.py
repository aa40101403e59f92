"""avatar_amass.npz: the motion in the format of AMASS, for programs that read that data set."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.joints import BODY_JOINTS, SMPLH_JOINTS, SMPLX_JOINTS
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.export.axes import Z_UP
from fit_avatar.export.motion import root_motion
from fit_avatar.export.resample import at_rate
from fit_avatar.io.arrays import write_npz

FloatArray = NDArray[np.float64]

NUM_BETAS = 16
"""At least, as in AMASS."""
SMPL_FAMILY = ("smpl", "smplh", "smplx")
BASE_RATE = 30
"""Blender's add-ons for SMPL-H and SMPL-X import at this rate by default: they round the file's rate down, refuse less,
and take every n-th pose of more, n rounded down. So only its multiples play at the right speed."""
TOLERANCE = 0.05
"""A clip that is faster than a multiple of the base rate by less than this fraction of it has that rate. Chosen by
hand."""


def write_amass(path: Path, body: Body, state: BodyState, times_s: FloatArray) -> Path:
    """Write the motion at a steady rate, which is a multiple of 30 poses a second and at least that of the poses.

    World axes are those of AMASS: metres, z up, the floor at z = 0; with zero rotation but for the quarter turn from
    SMPL's y up, the person faces −y. ``trans`` is added after the rotation about the pelvis, as in SMPL. ``poses`` has
    the joints of SMPL-H [N, 156] for bodies of SMPL and SMPL-H, and otherwise those of SMPL-X [N, 165], as AMASS has
    them today; its parts are there under their own names, too. Joints that the body lacks are zero, and SMPL's own hand
    joint, which the others lack, is left out. ``betas`` are those of the fit if the body is of the SMPL family, else
    zero, since other bodies have other coefficients.

    Args:
        path: of the file.
        body: the body.
        state: shape and T poses.
        times_s: of the poses in seconds, ascending, at whatever distances. [T]

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    rate = whole_rate(times_s)
    motion = at_rate(root_motion(body, state), times_s, rate)
    rotations = Rotation.from_quat(motion.rotations.reshape(-1, 4)).as_rotvec().reshape(*motion.rotations.shape[:2], 3)
    rotations[:, 0] = (Rotation.from_matrix(Z_UP) * Rotation.from_rotvec(rotations[:, 0])).as_rotvec()
    kind = "smplh" if body.name in ("smpl", "smplh") else "smplx"
    names = SMPLH_JOINTS if kind == "smplh" else SMPLX_JOINTS
    poses = np.zeros((len(rotations), len(names), 3))
    for column, name in enumerate(names):
        if name in body.joint_names:
            poses[:, column] = rotations[:, body.joint_names.index(name)]
    pelvis = (body.joint_template + weighted_sum(body.joint_basis, state.betas))[0].detach().cpu().double().numpy()
    betas = _betas(body, state)
    arrays = {
        "poses": poses.reshape(len(poses), -1),
        "trans": motion.pelvis @ Z_UP.T - pelvis,
        "betas": betas,
        "num_betas": np.array(len(betas)),
        "gender": np.array(body.gender),
        "mocap_frame_rate": np.array(float(rate)),
        "mocap_framerate": np.array(float(rate)),  # as AMASS's older files call it
        "mocap_time_length": np.array(len(poses) / rate),
        "surface_model_type": np.array(kind),
    }
    write_npz(path, arrays | _parts(poses))
    return path


def whole_rate(times_s: FloatArray) -> int:
    """Return the lowest multiple of 30 a second that is not below the mean rate of some poses. times_s [T]"""
    if len(times_s) < 2:
        return BASE_RATE
    rate = (len(times_s) - 1) / float(times_s[-1] - times_s[0])
    return BASE_RATE * max(1, math.ceil(rate / BASE_RATE - TOLERANCE))


def _parts(poses: FloatArray) -> dict[str, FloatArray]:
    """Return parts of poses [N, 52 or 55, 3] under AMASS's names for SMPL-X."""
    body, hands = len(BODY_JOINTS), poses.shape[1] - 30
    parts = {"root_orient": poses[:, :1], "pose_body": poses[:, 1:body], "pose_hand": poses[:, hands:]}
    if hands > body:
        parts |= {"pose_jaw": poses[:, body : body + 1], "pose_eye": poses[:, body + 1 : hands]}
    return {name: part.reshape(len(poses), -1) for name, part in parts.items()}


def _betas(body: Body, state: BodyState) -> FloatArray:
    """Return the coefficients of a body of the SMPL family, padded with zeros to 16."""
    betas = state.betas.detach().cpu().double().numpy() if body.name in SMPL_FAMILY else np.zeros(0)
    return np.concatenate([betas, np.zeros(max(0, NUM_BETAS - len(betas)))])
