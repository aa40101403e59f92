"""instantavatar/: the result in the layout of InstantAvatar's own sequences, which came from Anim-NeRF.

Jiang et al., "InstantAvatar: Learning Avatars from Monocular Video in 60 Seconds", CVPR 2023; Chen et al., "Animatable
Neural Radiance Fields from Monocular RGB Videos", 2021.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.export.pictures import SHOWN_EVERY, Pictures, Step, check_masks, paired, write_png, written_files
from fit_avatar.export.smpl_family import Float32, as_array, check_body, first_betas, joint_poses
from fit_avatar.io.arrays import write_npz
from fit_avatar.io.atomic import atomic_folder

NUM_BETAS = 10
PIXEL_CENTRE = 0.5
"""Rays of these projects go through the integers (0, 0), (1, 0), …, where here the pixels' corners are."""
_DATASET = """\
# For confs/dataset/ of InstantAvatar, with this folder as data/custom/avatar.
_target_: instant_avatar.datasets.custom.CustomDataModule
name: custom
subject: avatar
gender: {gender}
opt:
  dataroot: ./data/custom/${{dataset.subject}}/
  subject: ${{dataset.subject}}
  train:
    num_workers: 8
    batch_size: 1
    start: 0
    end: {last}
    skip: 1
    downscale: 1
    sampler: ${{sampler}}
    fitting: ${{model.opt.optimize_SMPL.enable}}
    refine: ${{model.opt.optimize_SMPL.is_refine}}
  val:
    num_workers: 4
    batch_size: 1
    start: {first_shown}
    end: {last}
    skip: {every}
    downscale: 1
  test:
    num_workers: 4
    batch_size: 1
    start: {first_shown}
    end: {last}
    skip: {every}
    downscale: 1
"""


def write_instantavatar(
    folder: Path, body: Body, state: BodyState, capture: Capture, pictures: Pictures, on_step: Step | None = None
) -> list[Path]:
    """Write images, masks, ``cameras.npz``, poses, and ``dataset.yaml`` with the ranges of frames.

    ``images/`` and ``masks/`` have one PNG for each fitted frame, called alike after the frame's index in the clip; in
    the order of their names they belong to the rows of ``poses.npz`` and the same ``poses_optimized.npz``. All frames
    are for training, every eighth also for validation and tests; ``poses/anim_nerf_*.npz`` hold the rows of each. The
    camera is at the origin and has no lens distortion; its principal point is for pixel centres at integers.

    Args:
        folder: where to write; it is replaced.
        body: SMPL.
        state: shape and T poses.
        capture: of the same T frames.
        pictures: of these frames, undistorted.
        on_step: is told how many frames are done.

    Returns:
        The files.

    Raises:
        BadInputError: the body is not SMPL, a mask is empty, a picture is missing, the disk is full, or the folder
            cannot be written to.
    """
    check_body(["instantavatar"], body)
    check_masks(capture, "instantavatar")
    poses = _poses(body, state)
    count = len(capture.frame_indices)
    first = min(SHOWN_EVERY // 2, count - 1)
    ranges = {"train": slice(None), "val": slice(first, None, SHOWN_EVERY), "test": slice(first, None, SHOWN_EVERY)}
    with atomic_folder(folder) as temporary:
        for name in ("images", "masks", "poses"):
            (temporary / name).mkdir()
        for row, index, picture in paired(capture, pictures, on_step):
            write_png(temporary / f"images/{index:06d}.png", picture)
            write_png(temporary / f"masks/{index:06d}.png", capture.masks[row])
        write_npz(temporary / "cameras.npz", _camera(capture.camera))
        for file in ("poses.npz", "poses_optimized.npz"):
            write_npz(temporary / file, poses)
        for split, rows in ranges.items():
            some = {name: values if name == "betas" else values[rows] for name, values in poses.items()}
            write_npz(temporary / f"poses/anim_nerf_{split}.npz", some)
        settings = {"gender": body.gender, "last": count - 1, "first_shown": first, "every": SHOWN_EVERY}
        (temporary / "dataset.yaml").write_text(_DATASET.format(**settings), encoding="utf-8")
    return written_files(folder)


def _poses(body: Body, state: BodyState) -> dict[str, Float32]:
    joints = joint_poses(body, state, SMPL_JOINTS).reshape(-1, 72)
    return {
        "betas": first_betas(state, NUM_BETAS),
        "global_orient": joints[:, :3],
        "body_pose": joints[:, 3:],
        "transl": as_array(state.transl),
    }


def _camera(camera: Camera) -> dict[str, NDArray[Any]]:
    intrinsic = camera.intrinsics
    intrinsic[:2, 2] -= PIXEL_CENTRE
    size = {"height": np.array(camera.height), "width": np.array(camera.width)}
    return {"intrinsic": intrinsic, "extrinsic": np.eye(4), **size}
