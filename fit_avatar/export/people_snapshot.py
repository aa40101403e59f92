"""The result in the format of People-Snapshot, for programs that read that data set."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.garment import own_vertices
from fit_avatar.body.keypoint_sets import COCO_18_IN_BODY_25
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.snapshot_files import import_h5py
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.export.pictures import Pictures, Step, check_masks, paired
from fit_avatar.export.smpl_family import as_array, first_betas, joint_poses
from fit_avatar.io.atomic import atomic_path, write_bytes
from fit_avatar.io.video import VideoConfig, video_file

NUM_BETAS = 10
VIDEO = VideoConfig(crf=10)
"""Loses nothing that is seen. Chosen by hand."""


def write_people_snapshot(
    folder: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    pictures: Pictures | None = None,
    on_step: Step | None = None,
) -> list[Path]:
    """Write ``reconstructed_poses.hdf5``, ``consensus.pkl``, ``keypoints.hdf5``, ``masks.hdf5`` and ``camera.pkl``.

    Programs that read the data set pair frame i of ``<folder>/<folder>.mp4`` with row i of the arrays. So where
    pictures are given, a video of that name with the T fitted frames alone, undistorted, is written beside. Its sides
    are even, and an odd last row or column is left out of masks and camera, too. ``frame_indices.txt`` has the index in
    the clip of each row.

    As in the data set, the camera looks along +z with y down, so the root rotation of an upright person is about π
    about x; ``trans`` is added after the rotation about the pelvis. ``pose`` has SMPL's 24 joints; a hand joint is zero
    if the body has fingers instead. ``betas`` and ``v_personal`` are those of the body of this fit, which may not be
    SMPL; ``v_personal`` is added in the bind pose (SMPL's T-pose; an A-pose for the default body). Keypoints, masks and
    camera have no lens distortion; pixel centres of ``camera_c`` are at integer + 0.5.

    Args:
        folder: where to write; created if missing.
        body: the body.
        state: shape and T poses.
        capture: of the same T frames.
        pictures: of these frames, undistorted; None leaves out the video.
        on_step: is told how many frames of it are done.

    Returns:
        The files.

    Raises:
        BadInputError: a mask is empty, a picture is missing, the disk is full, or the folder cannot be written to.
        MissingDependencyError: h5py, or for the video PyAV, is not installed.
    """
    check_masks(capture, "people-snapshot")
    poses = {
        "pose": joint_poses(body, state, SMPL_JOINTS).reshape(-1, 72),
        "trans": as_array(state.transl),
        "betas": first_betas(state, NUM_BETAS),
    }
    shape = {"v_personal": as_array(state.offsets)[: own_vertices(body)], "betas": poses["betas"]}
    coco = capture.keypoints[:, list(COCO_18_IN_BODY_25)].reshape(-1, 54)
    masks, camera = capture.masks, capture.camera
    if pictures is not None:
        camera = camera.cropped(0, 0, camera.width // 2 * 2, camera.height // 2 * 2)
        masks = masks[:, : camera.height, : camera.width]
    return [
        _write_hdf5(folder / "reconstructed_poses.hdf5", poses),
        _write_pickle(folder / "consensus.pkl", shape),
        _write_hdf5(folder / "keypoints.hdf5", {"keypoints": coco}),
        _write_masks(folder / "masks.hdf5", masks),
        _write_pickle(folder / "camera.pkl", _camera(camera)),
        _write_indices(folder / "frame_indices.txt", capture),
        *([] if pictures is None else [_write_video(folder / f"{folder.name}.mp4", capture, pictures, on_step)]),
    ]


def _write_video(path: Path, capture: Capture, pictures: Pictures, on_step: Step | None) -> Path:
    times = capture.times_s
    rate = (len(times) - 1) / float(times[-1] - times[0]) if len(times) > 1 else capture.fps
    with video_file(path, rate, VIDEO) as append:
        for _, _, picture in paired(capture, pictures, on_step):
            append(picture)
    return path


def _write_indices(path: Path, capture: Capture) -> Path:
    write_bytes(path, "".join(f"{index}\n" for index in capture.frame_indices.tolist()).encode())
    return path


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
