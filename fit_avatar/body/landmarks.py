"""Landmarks and parts of a body, found on any mesh from its template, skeleton and skinning weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fit_avatar.body.joints import is_finger
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.operators import connected_components

FloatArray = NDArray[np.float64]

HEAD_JOINTS = ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf")
"""The joints that move the head's vertices, of all skeletons."""
HAND_ORDER = ("thumb", "index", "middle", "ring", "pinky")
"""The fingers in the order of OpenPose's hand: four points each, after the wrist."""

_REFERENCE_HEIGHT_M = 1.69
"""Height of the default body, on which the distances below were measured."""


def mirror_index(template: FloatArray) -> NDArray[np.int64]:
    """Return the vertex nearest to each vertex's mirror image. [V]"""
    _, index = cKDTree(template).query(template * [-1, 1, 1])
    return np.asarray(index, dtype=np.int64)


def largest_component(faces: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Mark the vertices of the mesh's largest connected component: the closed skin. [V]"""
    labels = connected_components(faces, count)
    return np.asarray(labels == np.bincount(labels).argmax())


def part_weights(
    template: FloatArray, weights: FloatArray, names: Sequence[str], keypoints: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return soft per-vertex memberships in [0, 1]: face, ears, hands, fingers, feet, toes. [P, V]

    Args:
        template: [V, 3]
        weights: skinning weights. [V, J]
        names: of the joints.
        keypoints: BODY_25 on the template. [25, 3]
    """

    def of(*joints: str) -> FloatArray:
        return np.asarray(weights[:, [names.index(j) for j in joints]].sum(axis=1))

    def near(name: str, radius: float) -> FloatArray:
        distance = np.linalg.norm(template - keypoints[BODY_25.index(name)], axis=1)
        return np.asarray(np.clip((1.5 * radius - distance) / (0.5 * radius), 0, 1))

    head = of(*(name for name in HEAD_JOINTS if name in names))
    fingers = tuple(name for name in names if is_finger(name))
    ears = np.maximum(near("left_ear", 0.035), near("right_ear", 0.035))
    ear_z = keypoints[[BODY_25.index("left_ear"), BODY_25.index("right_ear")], 2].mean()
    nose = keypoints[BODY_25.index("nose")]
    front = np.clip((template[:, 2] - ear_z) / (0.35 * max(nose[2] - ear_z, 1e-3)), 0, 1)
    below_brow = np.clip((nose[1] + 0.085 - template[:, 1]) / 0.02, 0, 1)
    parts = {
        "face": head * front * below_brow * (1 - ears),
        "ears": ears * head,
        "hands": of("left_wrist", "right_wrist", *fingers),
        "fingers": of(*fingers),
        "feet": of("left_ankle", "right_ankle", "left_foot", "right_foot"),
        "toes": of("left_foot", "right_foot"),
    }
    return tuple(parts), np.stack(list(parts.values()))


def extremities(
    template: FloatArray, weights: FloatArray, names: Sequence[str], skin: NDArray[np.bool_]
) -> dict[str, int]:
    """Return one vertex for each keypoint that is not a joint: nose, eyes, ears, heels and toes.

    They are found as extremes of the head and the feet, on any mesh that stands upright and faces +z. On the default
    body they lie 1 to 2 cm from its own points.
    """
    unit = np.ptp(template[:, 1]) / _REFERENCE_HEIGHT_M
    follows = weights.argmax(axis=1)

    def following(*joints: str) -> NDArray[np.int64]:
        found = np.flatnonzero(np.isin(follows, [names.index(j) for j in joints if j in names]) & skin)
        return found if len(found) else np.flatnonzero(skin)

    head = following(*HEAD_JOINTS)
    middle = np.median(template[:, 0])
    ahead = head[np.argsort(np.abs(template[head, 0] - middle), kind="stable")]
    narrow = ahead[: max(1, int((np.abs(template[head, 0] - middle) < 0.01 * unit).sum()))]
    nose = int(narrow[template[narrow, 2].argmax()])
    points = {"nose": nose}
    depth = template[nose, 2] - np.ptp(template[head, 2]) / 3
    face = head[template[head, 2] >= depth]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        eye = template[nose, :2] + np.array([sign * 0.03, 0.041]) * unit
        points[f"{side}_eye"] = int(face[np.linalg.norm(template[face, :2] - eye, axis=1).argmin()])
        rim = template[head[(sign * template[head, 0]).argmax()]]  # the ear stands off; its middle lies before its rim
        points[f"{side}_ear"] = _nearest(template, head, rim + np.array([-sign * 0.01, -0.012, 0.018]) * unit)
        foot = following(f"{side}_ankle", f"{side}_foot")
        points |= {f"{side}_{name}": v for name, v in _foot(template, foot, sign, unit).items()}
    return points


def _foot(template: FloatArray, foot: NDArray[np.int64], sign: float, unit: float) -> dict[str, int]:
    """Return the heel and the tips of the big and the small toe."""
    sole = foot[template[foot, 1] < template[foot, 1].min() + 0.05 * unit]
    heel = int(sole[template[sole, 2].argmin()])
    along = template[sole].mean(axis=0) - template[heel]
    along = along * [1, 0, 1] / max(np.hypot(along[0], along[2]), 1e-9)
    outward = sign * np.array([along[2], 0, -along[0]])
    ahead, aside = (template[sole] - template[heel]) @ along, (template[sole] - template[heel]) @ outward
    return {
        "heel": heel,
        "big_toe": int(sole[(ahead - 0.3 * aside).argmax()]),
        "small_toe": int(sole[(ahead + 1.5 * aside).argmax()]),
    }


def fingertip(
    template: FloatArray, weights: FloatArray, names: Sequence[str], joints: FloatArray, side: str, finger: str
) -> int:
    """Return the vertex farthest along a finger's last bone."""
    last, before = names.index(f"{side}_{finger}3"), names.index(f"{side}_{finger}2")
    own = np.flatnonzero(weights.argmax(axis=1) == last)
    own = own if len(own) else np.array([weights[:, last].argmax()])
    return int(own[((template[own] - joints[last]) @ (joints[last] - joints[before])).argmax()])


def joint_regressor(
    template: FloatArray, weights: FloatArray, joints: FloatArray, parents: Sequence[int]
) -> FloatArray:
    """Return a regressor of the joints from the vertices, for a body that has none. [J, V]

    A joint is surrounded by the vertices that it and its parent both move; the smallest change of their weights
    that makes their mean exact is added (a few weights become slightly negative). With several shapes it is exact on
    all of them, and so on their linear combinations.

    Args:
        template: one shape [V, 3], or several [S, V, 3].
        weights: skinning weights. [V, J]
        joints: of each shape. [(S,) J, 3]
        parents: of the joints.
    """
    shapes, centres = template.reshape(-1, *template.shape[-2:]), joints.reshape(-1, *joints.shape[-2:])
    rows = np.zeros((len(parents), len(weights)))
    for j, parent in enumerate(parents):
        ring = weights[:, j] * weights[:, parent] if parent >= 0 else weights[:, j]
        around = np.flatnonzero(ring)
        row = ring[around] / ring[around].sum()
        places = shapes[:, around].transpose(0, 2, 1).reshape(-1, len(around))
        system = np.concatenate([places, np.ones((1, len(around)))])
        missing = np.append(centres[:, j], 1.0) - system @ row
        rows[j, around] = row + np.linalg.lstsq(system * row, missing, rcond=None)[0] * row
    return rows


def joint_keypoints(names: Sequence[str], regressor: FloatArray) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return the points of BODY_25 that are joints: for each its regressor [V] and its skinning weights [J].

    The limbs' points are the joints themselves. The neck lies between the shoulders and the middle of the hips between
    the hips; they follow the joint that is the parent of both.

    Args:
        names: of the joints.
        regressor: of the joints from the vertices. [J, V]
    """
    carriers = {"neck": ("shoulder", "spine3"), "mid_hip": ("hip", "pelvis")}
    found = {}
    for name in BODY_25:
        if name in carriers:
            base, carrier = carriers[name]
            row = (regressor[names.index(f"left_{base}")] + regressor[names.index(f"right_{base}")]) / 2
        elif name in names:
            carrier, row = name, regressor[names.index(name)]
        else:
            continue
        found[name] = row, np.eye(len(names))[names.index(carrier)]
    return found


def hand_landmarks(
    template: FloatArray, weights: FloatArray, names: Sequence[str], joints: FloatArray, regressor: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """Return the 21 points of each hand as means of vertices, in OpenPose's order: names, and [42, V].

    Args:
        template: [V, 3]
        weights: skinning weights. [V, J]
        names: of the joints, with fingers.
        joints: on the template. [J, 3]
        regressor: of the joints from the vertices. [J, V]
    """
    rows: dict[str, FloatArray] = {}
    for side in ("left", "right"):
        rows[f"{side}_hand_0"] = regressor[names.index(f"{side}_wrist")]
        for f, finger in enumerate(HAND_ORDER):
            for k in (1, 2, 3):
                rows[f"{side}_hand_{4 * f + k}"] = regressor[names.index(f"{side}_{finger}{k}")]
            tip = np.zeros(len(template))
            tip[fingertip(template, weights, names, joints, side, finger)] = 1
            rows[f"{side}_hand_{4 * f + 4}"] = tip
    return tuple(rows), np.stack(list(rows.values()))


def _nearest(template: FloatArray, among: NDArray[np.int64], place: FloatArray) -> int:
    """Return which of some vertices is nearest to a place [3]."""
    return int(among[np.linalg.norm(template[among] - place, axis=1).argmin()])
