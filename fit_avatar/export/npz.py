"""avatar.npz: every array that is needed to re-pose the avatar in a script of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body, shaped, weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.export.atomic import atomic_path


def write_npz(path: Path, body: Body, state: BodyState, capture: Capture) -> Path:
    """Write shape, poses, rig, texture coordinates and camera.

    To re-pose: with local rotations R_k and G_k their products down the chain, S_k = G_k · bind_rotations_kᵀ;
    p_0 = joints_bind_0 + transl and p_k = p_parent + S_parent (joints_bind_k − joints_bind_parent); then
    x = Σ_k lbs_weights_k (S_k (vertices_bind − joints_bind_k) + p_k), in camera coordinates (metres).

    Args:
        path: of the file.
        body: the body.
        state: shape and T poses (axis-angle; zero is the T-pose).
        capture: gives camera, frame indices and frames per second.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    tensors = {
        "betas": state.betas,
        "offsets": state.offsets,
        "global_orient": state.global_orient,
        "body_pose": state.body_pose,
        "transl": state.transl,
        "vertices_bind": shaped(body, state.betas, state.offsets),
        "joints_bind": body.joint_template + weighted_sum(body.joint_basis, state.betas),
        "joints": pose_body(body, state).joints,
        "template": body.template,
        "shape_basis": body.shape_basis,
        "joint_template": body.joint_template,
        "joint_basis": body.joint_basis,
        "bind_rotations": body.bind_rotations,
        "lbs_weights": body.lbs_weights,
        "faces": body.faces,
        "uv": body.uvs,
        "uv_faces": body.uv_faces,
    }
    if state.expression is not None:
        tensors["expression"] = state.expression
    arrays = {name: _array(tensor) for name, tensor in tensors.items()}
    camera = capture.camera
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            **arrays,
            parents=np.array(body.parents),
            joint_names=np.array(body.joint_names),
            intrinsics=camera.intrinsics,
            distortion=np.array(camera.k),
            image_size=np.array([camera.width, camera.height]),
            frame_indices=capture.frame_indices,
            fps=np.array(capture.fps),
            body_name=np.array(body.name),
            body_licence=np.array(body.licence),
        )
    return path


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())
