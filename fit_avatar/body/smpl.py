"""Bodies of the SMPL family, from the model file that the user has licensed and downloaded.

The models are described in Loper et al. 2015 (SMPL), Romero et al. 2017 (SMPL-H) and Pavlakos et al. 2019 (SMPL-X).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.landmarks import (
    FloatArray,
    extremities,
    hand_landmarks,
    joint_keypoints,
    largest_component,
    mirror_index,
    part_weights,
)
from fit_avatar.body.model import Body
from fit_avatar.body.smpl_file import ModelFile, read_arrays, read_model_file
from fit_avatar.errors import BadInputError
from fit_avatar.io.arrays import write_npz
from fit_avatar.io.files import require_file
from fit_avatar.io.outputs import refuse_existing

NUM_EXPRESSION = 10
"""How many coefficients of expression are used: as many as the ``smplx`` package uses by default."""
WIDE_SHAPE = 300
"""Newer files of SMPL-X hold 300 columns of shape and then 100 of expression, older ones 10 and 10."""

FIRST_FACE_LANDMARK = 17
"""SMPL-X's 51 landmarks are OpenPose's face points 17 … 67; the jaw line before them depends on the view."""

_FACE_MEANS = {"nose": (30,), "right_eye": range(36, 42), "left_eye": range(42, 48)}
"""Points of the face whose mean is a point of BODY_25."""

_LICENCES = {"SMPL": "smpl.is.tue.mpg.de", "SMPL-H": "mano.is.tue.mpg.de", "SMPL-X": "smpl-x.is.tue.mpg.de"}

_GENDERS = {"neutral": "neutral", "female": "female", "male": "male", "f": "female", "m": "male", "n": "neutral"}
"""Words in the names of model files."""


def read_smpl(path: Path, num_betas: int = 10) -> Body:
    """Return the body in a file of SMPL, SMPL-H or SMPL-X (.npz, or the old .pkl, read as data only).

    Vertices and joints keep the model's own origin, so that betas, poses and translations mean the same as in other
    programs. SMPL-X also gets its first 10 coefficients of expression. UV coordinates are empty where the file has
    none (SMPL's has none): :func:`fit_avatar.body.unwrap.with_atlas` makes them.

    Raises:
        BadInputError: the file cannot be used, or has fewer than ``num_betas`` shape coefficients.
    """
    model = read_model_file(path)
    template, faces = model["v_template"].astype(float), model["f"].astype(np.int64)
    has_uvs = "vt" in model and "ft" in model
    weights = model["weights"].astype(float)
    weights = weights / weights.sum(axis=1, keepdims=True)
    shape_basis, num_expression = _shape_basis(model, num_betas)
    regressor = model["J_regressor"].astype(float)
    joints = regressor @ template
    middle = (joints[1, 0] + joints[2, 0]) / 2  # of the hips
    skin = largest_component(faces, len(template))
    landmark_names, landmarks = _landmarks(model, template, weights, joints, regressor)
    keypoints, keypoint_weights = _keypoints(model, template, weights, regressor, skin, landmark_names, landmarks)
    part_names, parts = part_weights(template, weights, model.joint_names, keypoints @ template)
    return Body(
        template=_f32(template),
        shape_basis=_f32(shape_basis),
        joint_template=_f32(joints),
        joint_basis=_f32(np.einsum("jv,vcb->jcb", regressor, shape_basis)),
        bind_rotations=torch.eye(3).repeat(len(joints), 1, 1),
        lbs_weights=_f32(weights),
        faces=torch.from_numpy(faces),
        uvs=_f32(model["vt"] if has_uvs else np.zeros((0, 2))),
        uv_faces=torch.from_numpy(model["ft"].astype(np.int64) if has_uvs else np.zeros((0, 3), np.int64)),
        mirror=torch.from_numpy(mirror_index(template - [middle, 0, 0])),
        keypoint_regressor=_f32(keypoints),
        skin=torch.from_numpy(skin),
        part_names=part_names,
        part_weights=_f32(parts),
        parents=model.parents,
        joint_names=model.joint_names,
        num_expression=num_expression,
        pose_basis=_f32(model["posedirs"]),
        keypoint_weights=_f32(keypoint_weights),
        hand_components=_pair(model, "hands_components"),
        hand_mean=_pair(model, "hands_mean"),
        landmark_names=landmark_names,
        landmark_regressor=_f32(landmarks) if landmark_names else None,
        name=model.kind.lower().replace("-", ""),
        licence=f"{model.kind} body model: under the licence accepted at {_LICENCES[model.kind]}",
        gender=gender_of(path),
    )


def gender_of(path: Path) -> str:
    """Return neutral, male or female, by the official names: SMPL_MALE.pkl, basicModel_f_lbs_…, smplh/male/model.npz.

    The file's own name counts before its folder's; neutral if neither says.
    """
    for name in (path.stem, path.absolute().parent.name):
        words = re.split(r"[^a-z]+", name.lower())
        for word, gender in _GENDERS.items():
            if word in words:
                return gender
    return "neutral"


def convert_body(source: Path, target: Path, force: bool = False) -> str:
    """Rewrite a model file as an .npz of plain arrays under their official names; return SMPL, SMPL-H or SMPL-X.

    What is not an array of numbers or text (training notes in old files) is left out.

    Args:
        source: the file that was downloaded; it is never written over.
        target: the file to write.
        force: write over a file that is there already.

    Raises:
        BadInputError: ``source`` is not a usable model file, or ``target`` is there already, does not end in .npz or
            cannot be written.
    """
    require_file(source, "body")
    refuse_existing(target, [source], force)
    if target.suffix != ".npz":
        raise BadInputError(f"{target} does not end in .npz: give a name that does, for that is what is written")
    kind = read_model_file(source).kind
    arrays = read_arrays(source)
    write_npz(target, arrays)
    return kind


def hand_pose(body: Body, left: Tensor, right: Tensor) -> Tensor:
    """Return the 30 finger joints' axis-angles from coefficients of the hands' principal components.

    Zero is the relaxed mean hand, as with the ``smplx`` package's ``use_pca=True, flat_hand_mean=False``. (That
    package adds the mean to full hand poses too, unless ``flat_hand_mean=True``; ``BodyState.body_pose`` never does.)

    Args:
        body: a body with hand components.
        left: the left hand's first coefficients. [T, P]
        right: the right hand's. [T, P]

    Returns:
        the last 30 joints of ``body_pose``. [T, 30, 3]

    Raises:
        BadInputError: the body has no hand components.
    """
    if body.hand_components is None or body.hand_mean is None:
        raise BadInputError(
            f"the body {body.name} has no principal components of the hands: use a file of SMPL-H or SMPL-X"
        )
    hands = [
        coefficients @ body.hand_components[side, : coefficients.shape[-1]] + body.hand_mean[side]
        for side, coefficients in enumerate((left, right))
    ]
    return torch.cat(hands, -1).reshape(*left.shape[:-1], 30, 3)


def _shape_basis(model: ModelFile, num_betas: int) -> tuple[FloatArray, int]:
    """Return the basis [V, 3, B + E], shape first, and how many columns are expression."""
    columns = model["shapedirs"]
    width = columns.shape[-1]
    expression = slice(width, width)
    if model.kind == "SMPL-X":
        start = WIDE_SHAPE if width > WIDE_SHAPE else min(width, 10)
        expression = slice(start, min(start + NUM_EXPRESSION, width))
    if not 1 <= num_betas <= expression.start:
        raise BadInputError(
            f"{model.path} has {expression.start} shape coefficients, but {num_betas} are asked for: "
            f"give a number between 1 and {expression.start}"
        )
    basis = np.concatenate([columns[..., :num_betas], columns[..., expression]], axis=-1).astype(float)
    return basis, basis.shape[-1] - num_betas


def _landmarks(
    model: ModelFile, template: FloatArray, weights: FloatArray, joints: FloatArray, regressor: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the points of hands and face that the kind of body has: names, and [L, V]."""
    if model.kind == "SMPL":
        return (), np.zeros((0, len(template)))
    names, rows = hand_landmarks(template, weights, model.joint_names, joints, regressor)
    if "lmk_faces_idx" not in model or "lmk_bary_coords" not in model:
        return names, rows
    corners = model["f"].astype(np.int64)[model["lmk_faces_idx"].astype(np.int64)]
    face = np.zeros((len(corners), len(template)))
    np.add.at(face, (np.arange(len(corners))[:, None], corners), model["lmk_bary_coords"])
    face_names = tuple(f"face_{FIRST_FACE_LANDMARK + k}" for k in range(len(corners)))
    return names + face_names, np.concatenate([rows, face])


def _keypoints(
    model: ModelFile,
    template: FloatArray,
    weights: FloatArray,
    regressor: FloatArray,
    skin: NDArray[np.bool_],
    landmark_names: tuple[str, ...],
    landmarks: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return BODY_25 as means of vertices [25, V], and their skinning weights [25, J]."""
    rows, skinning = np.zeros((len(BODY_25), len(template))), np.zeros((len(BODY_25), weights.shape[1]))
    vertices = extremities(template, weights, model.joint_names, skin)
    face = dict(zip(landmark_names, landmarks, strict=True))
    joints = joint_keypoints(model.joint_names, regressor)
    for k, name in enumerate(BODY_25):
        if name in joints:
            rows[k], skinning[k] = joints[name]
        else:
            wanted = [f"face_{i}" for i in _FACE_MEANS.get(name, ())]
            if wanted and all(landmark in face for landmark in wanted):
                rows[k] = np.mean([face[landmark] for landmark in wanted], axis=0)
            else:
                rows[k, vertices[name]] = 1
            skinning[k] = rows[k] @ weights / rows[k].sum()
    return rows, skinning


def _pair(model: ModelFile, key: str) -> Tensor | None:
    both = key + "l" in model and key + "r" in model
    return _f32(np.stack([model[key + "l"], model[key + "r"]])) if both else None


def _f32(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
