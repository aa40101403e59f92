"""avatar_amass.npz: the motion in the format of AMASS, for programs that read that data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.joints import SMPLH_JOINTS, SMPLX_JOINTS
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.export.axes import Z_UP
from fit_avatar.export.motion import evenly_spaced, root_motion, seconds
from fit_avatar.io.arrays import write_npz

NUM_BETAS = 16
"""At least, as in AMASS."""
SMPL_FAMILY = ("smpl", "smplh", "smplx")


def write_amass(
    path: Path, body: Body, state: BodyState, fps: float, frame_indices: NDArray[np.int64] | None = None
) -> Path:
    """Write ``poses``, ``trans``, ``betas``, ``gender`` and ``mocap_framerate``.

    World axes are those of AMASS: metres, z up, the floor at z = 0; with zero rotation but for the quarter turn from
    SMPL's y up, the person faces −y. ``trans`` is added after the rotation about the pelvis, as in SMPL. ``poses`` has
    the joints of SMPL-H [T, 156], or of SMPL-X for its bodies [T, 165]; joints that the body lacks are zero, and SMPL's
    own hand joint, which SMPL-H lacks, is left out. ``betas`` are those of the fit if the body is of the SMPL family,
    else zero, since other bodies have other coefficients.

    Args:
        path: of the file.
        body: the body.
        state: shape and T poses.
        fps: frames per second of the video.
        frame_indices: of the T frames in the video; unevenly spaced ones are interpolated to a constant rate. [T]

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    times = seconds(len(state.transl), fps, frame_indices)
    motion, rate = evenly_spaced(root_motion(body, state), times, fps)
    rotations = Rotation.from_quat(motion.rotations.reshape(-1, 4)).as_rotvec().reshape(*motion.rotations.shape[:2], 3)
    rotations[:, 0] = (Rotation.from_matrix(Z_UP) * Rotation.from_rotvec(rotations[:, 0])).as_rotvec()
    kind = "smplx" if body.name == "smplx" else "smplh"
    names = SMPLX_JOINTS if kind == "smplx" else SMPLH_JOINTS
    poses = np.zeros((len(rotations), len(names), 3))
    for column, name in enumerate(names):
        if name in body.joint_names:
            poses[:, column] = rotations[:, body.joint_names.index(name)]
    pelvis = (body.joint_template + weighted_sum(body.joint_basis, state.betas))[0].detach().cpu().double().numpy()
    arrays = {
        "poses": poses.reshape(len(poses), -1),
        "trans": motion.pelvis @ Z_UP.T - pelvis,
        "betas": _betas(body, state),
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(rate),
        "mocap_frame_rate": np.array(rate),  # as AMASS's newer files call it
        "surface_model_type": np.array(kind),
    }
    write_npz(path, arrays)
    return path


def _betas(body: Body, state: BodyState) -> NDArray[np.float64]:
    """Return the coefficients of a body of the SMPL family, padded with zeros to 16."""
    betas = state.betas.detach().cpu().double().numpy() if body.name in SMPL_FAMILY else np.zeros(0)
    return np.concatenate([betas, np.zeros(max(0, NUM_BETAS - len(betas)))])
