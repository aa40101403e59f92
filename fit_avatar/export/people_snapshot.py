"""The result in the format of People-Snapshot, for programs that read that data set."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import COCO_18_IN_BODY_25
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.snapshot_files import import_h5py
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.io.atomic import atomic_path

NUM_BETAS = 10


def write_people_snapshot(folder: Path, body: Body, state: BodyState, capture: Capture) -> list[Path]:
    """Write ``reconstructed_poses.hdf5``, ``consensus.pkl``, ``keypoints.hdf5``, ``masks.hdf5`` and ``camera.pkl``.

    The T fitted frames follow each other without gaps. As in the data set, the camera looks along +z with y down, so
    the root rotation of an upright person is about π about x; ``trans`` is added after the rotation about the pelvis.
    ``pose`` has SMPL's 24 joints; a hand joint is zero if the body has fingers instead. ``betas`` and ``v_personal``
    are those of the body of this fit, which may not be SMPL; ``v_personal`` is added in the bind pose (SMPL's T-pose;
    an A-pose for the default body). Keypoints, masks and camera have no lens distortion; pixel centres of ``camera_c``
    are at integer + 0.5.

    Args:
        folder: where to write; created if missing.
        body: the body.
        state: shape and T poses.
        capture: of the same T frames.

    Returns:
        The files.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: h5py is not installed.
    """
    poses = {
        "pose": smpl_pose(body, state),
        "trans": _array(state.transl),
        "betas": _ten(_array(state.betas)),
    }
    shape = {"v_personal": _array(state.offsets), "betas": poses["betas"]}
    coco = capture.keypoints[:, list(COCO_18_IN_BODY_25)].reshape(-1, 54)
    return [
        _write_hdf5(folder / "reconstructed_poses.hdf5", poses),
        _write_pickle(folder / "consensus.pkl", shape),
        _write_hdf5(folder / "keypoints.hdf5", {"keypoints": coco}),
        _write_masks(folder / "masks.hdf5", capture.masks),
        _write_pickle(folder / "camera.pkl", _camera(capture.camera)),
    ]


def smpl_pose(body: Body, state: BodyState) -> NDArray[np.float32]:
    """Return the poses of SMPL's 24 joints as axis-angles; joints that the body lacks are zero. [T, 72]"""
    joints = np.concatenate([_array(state.global_orient)[:, None], _array(state.body_pose)], axis=1)
    pose = np.zeros((len(joints), len(SMPL_JOINTS), 3), np.float32)
    for column, name in enumerate(SMPL_JOINTS):
        if name in body.joint_names:
            pose[:, column] = joints[:, body.joint_names.index(name)]
    return pose.reshape(-1, 72)


def _ten(betas: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first ten coefficients, padded with zeros."""
    out = np.zeros(NUM_BETAS, np.float32)
    out[: len(betas)] = betas[:NUM_BETAS]
    return out


def _camera(camera: Camera) -> dict[str, Any]:
    return {
        "camera_f": np.array([camera.fx, camera.fy]),
        "camera_c": np.array([camera.cx, camera.cy]),
        "camera_k": np.array(camera.k, np.float64),
        "camera_t": np.zeros(3),
        "camera_rt": np.zeros(3),
        "width": camera.width,
        "height": camera.height,
    }


def _array(tensor: Any) -> NDArray[np.float32]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32)


def _write_hdf5(path: Path, arrays: Mapping[str, NDArray[np.float32]]) -> Path:
    h5py = import_h5py()
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array.astype(np.float32))
    return path


def _write_masks(path: Path, masks: NDArray[np.bool_]) -> Path:
    """Write 1 on the person, which readers that test for truth and those that compare with 100/255 both accept."""
    h5py = import_h5py()
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        data = file.create_dataset("masks", masks.shape, np.uint8, chunks=(1, *masks.shape[1:]), compression="lzf")
        for index, mask in enumerate(masks):
            data[index] = mask
    return path


def _write_pickle(path: Path, data: Mapping[str, Any]) -> Path:
    # Protocol 2 is the newest that Python 2 reads, in which that data set's programs are written.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pickle.dump(dict(data), file, protocol=2)
    return path
