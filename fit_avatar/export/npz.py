"""avatar.npz: the arrays that are needed to pose the avatar in another program, or to load it again."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.default_body import face_shapes
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.skinning import pose_body, shaped, weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.errors import BadInputError
from fit_avatar.io import arrays as arrays_file
from fit_avatar.io.files import require_file

SHAPES: dict[str, tuple[int | str, ...]] = {
    "frame_indices": ("T",), "template": ("V", 3), "shape_basis": ("V", 3, "S"), "joint_template": ("J", 3),
    "joint_basis": ("J", 3, "S"), "bind_rotations": ("J", 3, 3), "lbs_weights": ("V", "J"), "faces": ("F", 3),
    "uv": ("U", 2), "uv_faces": ("F", 3), "mirror": ("V",), "keypoint_regressor": (len(BODY_25), "V"), "skin": ("V",),
    "part_weights": ("*", "V"), "parents": ("J",), "pose_basis": ("V", 3, "*"), "betas": ("B",), "offsets": ("V", 3),
    "global_orient": ("T", 3), "body_pose": ("T", "*", 3), "transl": ("T", 3), "expression": ("T", "*"),
    "intrinsics": (3, 3), "distortion": ("*",), "image_size": (2,), "fps": (), "num_expression": (),
    "motion_frame_indices": ("N",), "motion_times_s": ("N",), "motion_global_orient": ("N", 3),
    "motion_body_pose": ("N", "*", 3), "motion_transl": ("N", 3), "motion_expression": ("N", "*"),
    "blendshape_weights": ("T", "N_B"), "motion_blendshape_weights": ("N", "N_B"),
    "vertices_bind": ("V", 3), "joints_bind": ("J", 3), "keypoint_weights": (len(BODY_25), "J"),
}  # fmt: skip
"""Of the arrays in the file, with letters for sizes that must agree."""
MAX_SIDE_PX = 1 << 16
MOST = 1e9
"""Of any value: indices and pixels, metres and angles are far smaller. Chosen by hand."""
_NAMES = {"uvs": "uv", "name": "body_name", "licence": "body_licence", "gender": "body_gender"}
"""Names in the file of the fields of a body that differ."""


BLENDSHAPES = "blendshape_weights"
POSES = ("global_orient", "body_pose", "transl", "expression")
"""What a state holds of each frame."""


def write_npz(
    path: Path,
    body: Body,
    state: BodyState,
    capture: Capture,
    every: Motion | None = None,
    blendshape_weights: NDArray[np.float32] | None = None,
) -> Path:
    """Write shape, poses, rig, texture coordinates and camera.

    To re-pose: with local rotations R_k and G_k their products down the chain, S_k = G_k · bind_rotations_kᵀ;
    p_0 = joints_bind_0 + transl and p_k = p_parent + S_parent (joints_bind_k − joints_bind_parent); then
    x = Σ_k lbs_weights_k (S_k (vertices_bind − joints_bind_k) + p_k), in camera coordinates (metres).

    Args:
        path: of the file.
        body: the body.
        state: shape and T poses (axis-angle; zero is the T-pose).
        capture: gives camera, frame indices and frames per second.
        every: poses of every frame of the clip, written as ``motion_global_orient``, ``motion_body_pose``,
            ``motion_transl`` (and ``motion_expression``, ``motion_blendshape_weights``), with their
            ``motion_frame_indices`` and ``motion_times_s``.
        blendshape_weights: what the face does in the fitted frames; ``blendshape_names`` are the shapes, as ARKit's.
            [T, 52]

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
    }
    if state.expression is not None:
        tensors["expression"] = state.expression
    arrays: dict[str, Any] = {name: _array(tensor) for name, tensor in tensors.items()}
    arrays |= {_name(name): array for name, array in body.arrays().items()}
    camera = capture.camera
    arrays |= {
        "intrinsics": camera.intrinsics,
        "distortion": np.array(camera.k),
        "image_size": np.array([camera.width, camera.height]),
        "frame_indices": capture.frame_indices,
        "fps": np.array(capture.fps),
    }
    if blendshape_weights is not None:
        arrays |= {BLENDSHAPES: blendshape_weights, "blendshape_names": np.array(face_shapes().names)}
    if every is not None:
        poses = {name: getattr(every.state, name) for name in POSES}
        arrays |= {f"motion_{name}": _array(tensor) for name, tensor in poses.items() if tensor is not None}
        arrays |= {"motion_frame_indices": every.frame_indices, "motion_times_s": every.times_s}
        if every.blendshape_weights is not None:
            arrays |= {f"motion_{BLENDSHAPES}": every.blendshape_weights}
    arrays_file.write_npz(path, arrays)
    return path


def read_npz(path: Path) -> tuple[Body, BodyState, Capture, Motion | None]:
    """Read a file of :func:`write_npz`; the motion is None if the file holds fitted frames alone.

    The capture has the frames and the camera; its keypoints are unseen and its masks empty, since they are not in the
    file.

    Raises:
        BadInputError: there is no such file, or it was written by something else.
    """
    require_file(path, "avatar", "give the folder that an avatar was saved to")
    try:
        z = arrays_file.read_npz(path)
        _check(z)
        body = Body.from_arrays({field.name: z[own] for field in fields(Body) if (own := _name(field.name)) in z})
        names = ("betas", "offsets", "global_orient", "body_pose", "transl")
        state = BodyState(**{name: torch.from_numpy(z[name]) for name in (*names, "expression") if name in z})
        (fx, _, cx), (_, fy, cy), _ = z["intrinsics"].tolist()
        width, height = z["image_size"].tolist()
        camera = Camera(fx, fy, cx, cy, width, height, tuple(z["distortion"].tolist()), f"kept in {path.name}")
        count = len(z["frame_indices"])
        capture = Capture(
            frame_indices=z["frame_indices"],
            keypoints=np.zeros((count, len(BODY_25), 3), np.float32),
            masks=np.broadcast_to(np.zeros((), bool), (count, height, width)),  # takes no memory
            camera=camera,
            frame_weights=np.ones(count, np.float32),
            fps=float(z["fps"]),
        )
        every = _motion(z, state) if "motion_times_s" in z else None
    except (KeyError, ValueError, TypeError) as error:
        raise BadInputError(
            f"{path} is not what this version of fit-avatar writes ({error}): run the fit again in its folder"
        ) from None
    return body, state, capture, every


def read_blendshape_weights(path: Path) -> NDArray[np.float32] | None:
    """Return what the face does in the fitted frames, from a file that :func:`read_npz` reads; None: it is not known.

    Returns:
        [T, 52] in [0, 1]
    """
    return arrays_file.read_npz(path, (BLENDSHAPES,)).get(BLENDSHAPES)


def _motion(z: dict[str, NDArray[Any]], state: BodyState) -> Motion:
    poses = {name: torch.from_numpy(z[f"motion_{name}"]) for name in POSES if getattr(state, name) is not None}
    times = z["motion_times_s"]
    if not len(times) or (np.diff(times) <= 0).any():
        raise ValueError("it has times that do not ascend")
    expressions = z.get(f"motion_{BLENDSHAPES}")
    return Motion(z["motion_frame_indices"], times, replace(state, **poses), expressions)


def _check(z: dict[str, NDArray[Any]]) -> None:
    """Check that arrays fit together.

    Raises:
        ValueError: they do not; the message says which.
    """
    fault = arrays_file.shape_fault(z, SHAPES)
    if fault is not None:
        raise ValueError(f"it has {fault}")
    expected = {
        "shape_basis": (2, len(z["betas"]) + int(z["num_expression"])), "body_pose": (1, len(z["parents"]) - 1),
        "part_weights": (0, len(z["part_names"])), "joint_template": (0, len(z["joint_names"])),
        "expression": (1, int(z["num_expression"])), "motion_body_pose": (1, len(z["parents"]) - 1),
        "motion_expression": (1, int(z["num_expression"])),
    }  # fmt: skip
    for name, (axis, size) in expected.items():
        if name in z and z[name].shape[axis] != size:
            raise ValueError(f"it has {name} of shape {list(z[name].shape)}, which does not fit its other arrays")
    for name, limit in (("faces", "template"), ("uv_faces", "uv"), ("parents", "parents"), ("mirror", "template")):
        indices, least = z[name], -1 if name == "parents" else 0
        if indices.dtype.kind not in "iu" or indices.max(initial=-1) >= len(z[limit]) or (indices < least).any():
            raise ValueError(f"it has indices in {name} that point nowhere")
    parents = z["parents"].tolist()
    if parents[:1] != [-1] or any(not 0 <= parent < joint for joint, parent in enumerate(parents[1:], start=1)):
        raise ValueError("it has parents that are no tree")
    absurd = next((name for name in SHAPES if name in z and np.abs(z[name]).max(initial=0.0) > MOST), None)
    if absurd is not None:
        raise ValueError(f"it has values in {absurd} that cannot be right")
    width, height = z["image_size"].tolist()
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and 0 < z["fps"] < 1e6 and len(z["frame_indices"])):
        raise ValueError("its picture size, frame rate or number of frames is impossible")


def _name(field: str) -> str:
    """Return the name in the file of a body's field."""
    return _NAMES.get(field, field)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())
