"""gaussianavatar/: the result in the layout of GaussianAvatar's data.

Hu et al., "GaussianAvatar: Towards Realistic Human Avatar Modeling from a Single Video via Animatable 3D Gaussians",
CVPR 2024.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

from fit_avatar.body.joints import SMPLX_JOINTS
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.export.pictures import Pictures, Step, check_masks, paired, shown_rows, write_png, written_files
from fit_avatar.export.smpl_family import as_array, check_body, first_betas, joint_poses
from fit_avatar.io.arrays import write_npz
from fit_avatar.io.atomic import atomic_folder

NUM_BETAS = 10


def write_gaussianavatar(
    folder: Path, body: Body, state: BodyState, capture: Capture, pictures: Pictures, on_step: Step | None = None
) -> list[Path]:
    """Write ``train/`` with all fitted frames and ``test/`` with every eighth of them.

    Each has ``images/`` and ``masks/`` (PNG files that are called alike after the frame's index in the clip),
    ``smpl_parms.pth`` with the poses in the order of their names, and ``cam_parms.npz``. ``body_pose`` begins with the
    root: 72 numbers of SMPL, or 165 of SMPL-X, whose hands are full rotations. The camera is at the origin and has no
    lens distortion; pixel centres are at integer + 0.5, as in the rasteriser of 3D Gaussian splatting.

    Args:
        folder: where to write; it is replaced.
        body: SMPL, or SMPL-X for ``--smpl_type smplx``.
        state: shape and T poses.
        capture: of the same T frames.
        pictures: of these frames, undistorted.
        on_step: is told how many frames are done.

    Returns:
        The files.

    Raises:
        BadInputError: the body is another one, a mask is empty, a picture is missing, the disk is full, or the folder
            cannot be written to.
    """
    check_body(["gaussianavatar"], body)
    check_masks(capture, "gaussianavatar")
    count = len(capture.frame_indices)
    rows_of = {"train": list(range(count)), "test": shown_rows(count)}
    poses = joint_poses(body, state, SMPLX_JOINTS if body.name == "smplx" else SMPL_JOINTS).reshape(count, -1)
    camera = {"intrinsic": capture.camera.intrinsics, "extrinsic": np.eye(4)}
    with atomic_folder(folder) as temporary:
        for split, rows in rows_of.items():
            for name in ("images", "masks"):
                (temporary / split / name).mkdir(parents=True)
            write_npz(temporary / split / "cam_parms.npz", camera)
            content = io.BytesIO()
            parameters = {
                "beta": first_betas(state, NUM_BETAS)[None],
                "body_pose": poses[rows],
                "trans": as_array(state.transl)[rows],
            }
            torch.save({name: torch.from_numpy(values) for name, values in parameters.items()}, content)
            (temporary / split / "smpl_parms.pth").write_bytes(content.getvalue())
        for row, index, picture in paired(capture, pictures, on_step):
            for split in (split for split, rows in rows_of.items() if row in rows):
                write_png(temporary / f"{split}/images/{index:06d}.png", picture)
                write_png(temporary / f"{split}/masks/{index:06d}.png", capture.masks[row])
    return written_files(folder)
