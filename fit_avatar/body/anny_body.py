"""The default body: Anny's mesh and rig rewritten in SMPL's layout (24 joints, linear betas).

Anny (code Apache-2.0, data CC0) describes adults by a few phenotypes; a principal component
analysis over many sampled adults turns that into a linear basis with standard-normal betas,
and its 104 bones merge into SMPL's 24 joints.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.capture.types import BODY_25
from fit_avatar.errors import MissingDependencyError

RECIPE = 1
"""Raised whenever the arrays below would come out differently, so that caches are rebuilt."""

ADULT_AGES = (18.0, 75.0)
SAMPLES = 1024
MAX_INFLUENCES = 4

Progress = Callable[[str, int, int], None]
FloatArray = NDArray[np.float64]

_SIDED = {
    "hip": ("upperleg",), "knee": ("lowerleg",), "ankle": ("foot",), "foot": ("toe",),
    "collar": ("clavicle", "shoulder"), "shoulder": ("upperarm",), "elbow": ("lowerarm",),
    "wrist": ("wrist",), "hand": ("finger", "metacarpal"),
}  # fmt: skip
_CENTRAL = {
    "pelvis": ("root", "pelvis", "spine05"), "spine1": ("spine04",), "spine2": ("spine03",),
    "spine3": ("spine02", "spine01", "breast"), "neck": ("neck",), "head": ("head", "eye"),
}  # fmt: skip
_HEAD_BONES = {
    "spine1": ("spine04",), "spine2": ("spine03",), "spine3": ("spine02",), "neck": ("neck01",), "head": ("head",),
    "hip": ("upperleg01",), "knee": ("lowerleg01",), "ankle": ("foot",),
    "foot": ("toe1-1", "toe2-1", "toe3-1", "toe4-1", "toe5-1"), "collar": ("clavicle",), "shoulder": ("upperarm01",),
    "elbow": ("lowerarm01",), "wrist": ("wrist",), "hand": ("finger2-1", "finger3-1", "finger4-1", "finger5-1"),
}  # fmt: skip
"""The bones whose heads (averaged) are the joint's centre; pelvis is the middle of the hips."""

_COCO_TO_BODY_25 = {
    "nose": "nose", "left_eye": "left_eye", "right_eye": "right_eye", "left_ear": "left_ear", "right_ear": "right_ear",
    "left_shoulder": "left_shoulder", "right_shoulder": "right_shoulder", "left_elbow": "left_elbow",
    "right_elbow": "right_elbow", "left_wrist": "left_wrist", "right_wrist": "right_wrist", "left_hip": "left_hip",
    "right_hip": "right_hip", "left_knee": "left_knee", "right_knee": "right_knee", "left_ankle": "left_ankle",
    "right_ankle": "right_ankle", "left_big_toe": "left_big_toe", "left_small_toe": "left_small_toe",
    "left_heel": "left_heel", "right_big_toe": "right_big_toe", "right_small_toe": "right_small_toe",
    "right_heel": "right_heel",
}  # fmt: skip


def build_anny_body(num_betas: int, progress: Progress | None = None) -> Body:
    """Build the default body with ``num_betas`` shape coefficients (takes up to a minute).

    Raises:
        MissingDependencyError: the package ``anny`` is not installed.
    """
    report = progress or (lambda label, done, total: None)
    label = "building the body (once)"
    report(label, 0, 4)
    model = _load_anny()
    report(label, 1, 4)
    vertices, bone_heads = _sample_adults(model, SAMPLES)
    report(label, 2, 4)

    faces = model.faces.numpy()
    if faces.shape[1] == 4:
        raise RuntimeError("anny returned quads where triangles were expected")
    joints = _joints(model.bone_labels, bone_heads)
    centre = joints[:, :1]
    template, shape_basis, betas = _principal_components(vertices - centre, num_betas)
    joint_template, joint_basis = _regress(joints - centre, betas)
    report(label, 3, 4)

    mirror = _mirror_index(_to_rest_frame(model.template_vertices.numpy()))
    template, shape_basis = _symmetrise(template, shape_basis, mirror)
    weights = _merge_weights(model)
    skin = _largest_component(faces, len(template))
    regressor = _keypoint_regressor(model)
    names, parts = _part_weights(template, weights, regressor)
    body = Body(
        template=_f32(template),
        shape_basis=_f32(shape_basis),
        joint_template=_f32(joint_template),
        joint_basis=_f32(joint_basis),
        bind_rotations=_f32(_bind_rotations(joint_template)),
        lbs_weights=_f32(weights),
        faces=torch.from_numpy(faces.astype(np.int64)),
        uvs=_f32(model.texture_coordinates.numpy()),
        uv_faces=model.face_texture_coordinate_indices.long().clone(),
        mirror=torch.from_numpy(mirror),
        keypoint_regressor=_f32(regressor),
        skin=torch.from_numpy(skin),
        part_names=names,
        part_weights=_f32(parts),
        name="anny",
        licence="Anny: code Apache-2.0, data CC0 1.0",
    )
    report(label, 4, 4)
    return body


def _load_anny() -> Any:
    logging.getLogger("trimesh").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import warp

            warp.config.quiet = True  # it announces that there is no graphics card
            import anny

            return anny.Anny()
    except ImportError as error:
        raise MissingDependencyError(
            f"the default body needs the package anny ({error}): run `pip install anny==0.6.2`"
        ) from error


def _sample_adults(model: Any, count: int) -> tuple[FloatArray, FloatArray]:
    """Return vertices [N, V, 3] and bone heads [N, bones, 3] of random adults, in our rest frame."""
    from anny.shape_distribution import SimpleShapeDistribution

    low, high = (torch.tensor(age, dtype=model.dtype) for age in ADULT_AGES)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        distribution = SimpleShapeDistribution(model, torch.distributions.Uniform(low, high))
        _, phenotypes = distribution.sample(count)
        coefficients = model.get_phenotype_blendshape_coefficients(**phenotypes)
        rest = [model.get_rest_model(part) for part in coefficients.split(64)]
    vertices = torch.cat([r["rest_vertices"] for r in rest]).numpy()
    heads = torch.cat([r["rest_bone_heads"] for r in rest]).numpy()
    return _to_rest_frame(vertices), _to_rest_frame(heads)


def _to_rest_frame(points: FloatArray) -> FloatArray:
    """Turn Anny's z-up, facing −y into y-up, facing +z. [..., 3]"""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def _split_side(joint: str) -> tuple[str, str]:
    """Return ("left_hip" → "hip", ".L"), ("head" → "head", "")."""
    side, _, base = joint.partition("_")
    return (base, {"left": ".L", "right": ".R"}[side]) if base else (joint, "")


def _joints(labels: list[str], heads: FloatArray) -> FloatArray:
    """Return SMPL's 24 joint centres from bone heads [N, bones, 3]."""
    joints = np.zeros((len(heads), len(SMPL_JOINTS), 3))
    for j, name in enumerate(SMPL_JOINTS):
        base, side = _split_side(name)
        bones = ["upperleg01.L", "upperleg01.R"] if base == "pelvis" else [bone + side for bone in _HEAD_BONES[base]]
        joints[:, j] = heads[:, [labels.index(bone) for bone in bones]].mean(axis=1)
    return joints


def _principal_components(samples: FloatArray, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean [V, 3], the basis [V, 3, B] per unit of standard-normal beta, and the samples' betas [N, B]."""
    mean = samples.mean(axis=0)
    centred = (samples - mean).reshape(len(samples), -1)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(values)[::-1][:count]
    betas = vectors[:, order] * np.sqrt(len(samples))
    basis = centred.T @ vectors[:, order] / np.sqrt(len(samples))
    sign = np.sign(basis[np.abs(basis).argmax(axis=0), np.arange(count)])
    return mean, (basis * sign).reshape(*mean.shape, count), betas * sign


def _regress(samples: FloatArray, betas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Fit ``samples ≈ mean + basis @ betas``; return mean [J, 3] and basis [J, 3, B]."""
    design = np.concatenate([np.ones((len(betas), 1)), betas], axis=1)
    solution = np.linalg.lstsq(design, samples.reshape(len(samples), -1), rcond=None)[0]
    shape = samples.shape[1:]
    return solution[0].reshape(shape), solution[1:].T.reshape(*shape, betas.shape[1])


def _merge_weights(model: Any) -> FloatArray:
    """Sum the bones of each joint; keep the four largest influences of a vertex. [V, 24]"""
    joint_of_bone = [_joint_of_bone(label) for label in model.bone_labels]
    indices, values = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    weights = np.zeros((len(indices), len(SMPL_JOINTS)))
    np.add.at(weights, (np.arange(len(indices))[:, None], np.asarray(joint_of_bone)[indices]), values)
    small = np.argsort(weights, axis=1, kind="stable")[:, :-MAX_INFLUENCES]
    np.put_along_axis(weights, small, 0.0, axis=1)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _joint_of_bone(label: str) -> int:
    side = {".L": "left_", ".R": "right_"}.get(label[-2:], "")
    for base, prefixes in _SIDED.items():
        if side and label.startswith(prefixes):
            return SMPL_JOINTS.index(side + base)
    for base, prefixes in _CENTRAL.items():
        if label.startswith(prefixes):
            return SMPL_JOINTS.index(base)
    raise RuntimeError(f"bone {label} of anny has no place in SMPL's skeleton")


def _mirror_index(template: FloatArray) -> NDArray[np.int64]:
    """Return the vertex nearest to each vertex's mirror image. [V]"""
    _, index = cKDTree(template).query(template * [-1, 1, 1])
    return np.asarray(index, dtype=np.int64)


def _symmetrise(template: FloatArray, basis: FloatArray, mirror: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    flip = np.array([-1.0, 1, 1])
    return (template + template[mirror] * flip) / 2, (basis + basis[mirror] * flip[:, None]) / 2


def _bind_rotations(joints: FloatArray) -> FloatArray:
    """Return each joint's global rotation from the T-pose to the modelled A-pose. [24, 3, 3]

    Only the arms differ: in the T-pose they point along ±x.
    """
    rotations = np.tile(np.eye(3), (len(joints), 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        chain = [SMPL_JOINTS.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist", "hand")]
        direction, turn = np.array([sign, 0, 0]), np.eye(3)
        for joint, child in pairwise(chain):
            towards = joints[child] - joints[joint]
            towards = towards / np.linalg.norm(towards)
            turn = _minimal_rotation(direction, towards) @ turn
            rotations[joint], direction = turn, towards
        rotations[chain[-1]] = turn
    return rotations


def _minimal_rotation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the smallest rotation that takes unit vector ``a`` to ``b``."""
    axis, cosine = np.cross(a, b), float(a @ b)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))


def _largest_component(faces: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Mark the vertices of the mesh's largest connected component: the closed skin. [V]"""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(labels == np.bincount(labels).argmax())


def _keypoint_regressor(model: Any) -> FloatArray:
    """Return BODY_25 as weighted means of vertices. [25, V]"""
    from anny.keypoints import KeypointsRegressor

    source = KeypointsRegressor.coco(model)
    rows = dict(
        zip(
            (label.lower().replace(" ", "_") for label in source.labels), source.regression_weights.numpy(), strict=True
        )
    )
    regressor = np.zeros((len(BODY_25), source.regression_weights.shape[1]))
    for ours, theirs in _COCO_TO_BODY_25.items():
        regressor[BODY_25.index(ours)] = rows[theirs]
    for centre, pair in (("neck", ("left_shoulder", "right_shoulder")), ("mid_hip", ("left_hip", "right_hip"))):
        regressor[BODY_25.index(centre)] = sum(regressor[BODY_25.index(side)] for side in pair) / 2
    return regressor


def _part_weights(
    template: FloatArray, weights: FloatArray, regressor: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return soft per-vertex memberships in [0, 1]: face, ears, hands, fingers, feet, toes. [P, V]"""
    points = regressor @ template

    def of(*joints: str) -> FloatArray:
        return np.asarray(weights[:, [SMPL_JOINTS.index(j) for j in joints]].sum(axis=1))

    def near(name: str, radius: float) -> FloatArray:
        distance = np.linalg.norm(template - points[BODY_25.index(name)], axis=1)
        return np.asarray(np.clip((1.5 * radius - distance) / (0.5 * radius), 0, 1))

    ears = np.maximum(near("left_ear", 0.035), near("right_ear", 0.035))
    ear_z = points[[BODY_25.index("left_ear"), BODY_25.index("right_ear")], 2].mean()
    nose = points[BODY_25.index("nose")]
    front = np.clip((template[:, 2] - ear_z) / (0.35 * (nose[2] - ear_z)), 0, 1)
    below_brow = np.clip((nose[1] + 0.085 - template[:, 1]) / 0.02, 0, 1)
    parts = {
        "face": of("head") * front * below_brow * (1 - ears),
        "ears": ears * of("head"),
        "hands": of("left_wrist", "right_wrist", "left_hand", "right_hand"),
        "fingers": of("left_hand", "right_hand"),
        "feet": of("left_ankle", "right_ankle", "left_foot", "right_foot"),
        "toes": of("left_foot", "right_foot"),
    }
    return tuple(parts), np.stack(list(parts.values()))


def _f32(array: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
