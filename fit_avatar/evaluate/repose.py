"""The error of the shape alone: the distance that remains after the avatar was posed like the true surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate.align import ROBUST, RobustConfig, robust_weights
from fit_avatar.evaluate.surface import Surface, sample_triangles

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ReposeConfig:
    """Settings of :func:`repose_onto`. All values are chosen by hand."""

    iterations: int = 25
    """Largest number of Gauss–Newton steps."""
    samples: int = 8000
    """Points on each surface."""
    converged: float = 1e-5
    """Stop when a step changes every rotation (radians) and translation (metres) by less."""
    joint_weight: float = 3e4
    """Weight of the distance between the two bones at a joint, relative to a sample; bones hardly come apart."""
    bend_rad: float = 0.2
    """Standard deviation of a bone's rotation relative to its parent, in radians …"""
    distance_m: float = 0.01
    """… relative to this standard deviation of a sample's distance, in metres."""
    robust: RobustConfig = ROBUST
    """Weights of the samples."""


REPOSE = ReposeConfig()


def repose_onto(
    vertices: ArrayLike,
    faces: ArrayLike,
    weights: ArrayLike,
    joints: ArrayLike,
    parents: Sequence[int],
    true_vertices: ArrayLike,
    true_faces: ArrayLike,
    config: ReposeConfig = REPOSE,
) -> FloatArray:
    """Return the vertices after moving every bone rigidly so that the surface fits the true one best.

    Vertices follow by linear blend skinning; bones stay together at their joints, so that only the pose changes.
    Robust, symmetric point-to-plane ICP as :func:`align_surfaces`.

    Args:
        vertices: posed and already aligned as a whole. [V, 3]
        faces: of the outer surface. [F, 3]
        weights: skinning weights. [V, J]
        joints: posed and aligned likewise. [J, 3]
        parents: of each joint; −1 for the root.
        true_vertices: [W, 3].
        true_faces: [G, 3].
        config: settings.

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    points, triangles, blend = np.array(vertices, np.float64), np.asarray(faces), np.asarray(weights, np.float64)
    rest_joints, bones = np.array(joints, np.float64), [j for j, parent in enumerate(parents) if parent >= 0]
    truth = Surface(true_vertices, true_faces)
    rotations, shifts = np.tile(np.eye(3), (len(rest_joints), 1, 1)), np.zeros((len(rest_joints), 3))
    own_face, own_bary = sample_triangles(points, triangles, config.samples, 1)
    true_face, true_bary = sample_triangles(
        np.asarray(true_vertices, np.float64), np.asarray(true_faces), config.samples, 2
    )
    target = np.einsum(
        "nk,nkc->nc", true_bary, np.asarray(true_vertices, np.float64)[np.asarray(true_faces)[true_face]]
    )
    now = points
    for _ in range(config.iterations):
        back = Surface(now, triangles).closest(target)
        face = np.concatenate([own_face, back.faces])
        bary = np.concatenate([own_bary, _barycentric(back.points, now[triangles[back.faces]])])
        blended = np.einsum("nk,nkj->nj", bary, blend[triangles[face]])
        moving = np.einsum("nk,nkc->nc", bary, now[triangles[face]])
        onto = truth.closest(moving[: config.samples])
        goal = np.concatenate([onto.points, target])
        normals = np.concatenate([onto.normals, back.normals])
        placed = np.einsum("jab,jb->ja", rotations, rest_joints) + shifts
        matrix, rhs = _equations(moving, goal, normals, blended, placed, config.robust)
        for j in bones:
            _attach(matrix, rhs, j, parents[j], placed, rotations, shifts, rest_joints, config)
        step = np.linalg.solve(matrix + 1e-8 * np.trace(matrix) * np.eye(len(matrix)), rhs).reshape(-1, 6)
        turns = Rotation.from_rotvec(step[:, :3]).as_matrix()
        rotations = turns @ rotations
        shifts = np.einsum("jab,jb->ja", turns, shifts - placed) + placed + step[:, 3:]
        now = np.einsum("vj,jab,vb->va", blend, rotations, points, optimize=True) + blend @ shifts
        if np.abs(step).max() < config.converged:
            break
    return now


def _equations(
    points: FloatArray,
    goal: FloatArray,
    normals: FloatArray,
    blended: FloatArray,
    centres: FloatArray,
    config: RobustConfig,
) -> tuple[FloatArray, FloatArray]:
    """Return the normal equations of all bones' rotations and translations. [6 J, 6 J] and [6 J]"""
    difference = goal - points
    weight = robust_weights(np.linalg.norm(difference, axis=1), config)
    count = blended.shape[1]
    matrix, rhs = np.zeros((6 * count, 6 * count)), np.zeros(6 * count)
    arms = points[:, None] - centres
    axes = np.eye(3)
    rows = [(normals, 1.0), *((np.broadcast_to(axis, normals.shape), config.tangential) for axis in axes)]
    for direction, factor in rows:
        turn = np.cross(arms, direction[:, None])
        shift = np.broadcast_to(direction[:, None], turn.shape)
        jacobian = (blended[..., None] * np.concatenate([turn, shift], -1)).reshape(len(points), -1)
        weighted = jacobian * (factor * weight)[:, None]
        matrix += weighted.T @ jacobian
        rhs += weighted.T @ (difference * direction).sum(1)
    return matrix, rhs


def _attach(
    matrix: FloatArray,
    rhs: FloatArray,
    j: int,
    parent: int,
    placed: FloatArray,
    rotations: FloatArray,
    shifts: FloatArray,
    rest_joints: FloatArray,
    config: ReposeConfig,
) -> None:
    """Add the equations that keep a bone attached to its parent, and that penalise its rotation relative to it."""
    own, above = slice(6 * j, 6 * j + 6), slice(6 * parent, 6 * parent + 6)
    there = rotations[parent] @ rest_joints[j] + shifts[parent]
    arm = there - placed[parent]
    # the joint as the bone carries it, minus the joint as its parent carries it
    mine = np.concatenate([np.zeros((3, 3)), np.eye(3)], 1)
    theirs = np.concatenate([np.cross(arm, np.eye(3)), np.eye(3)], 1)
    _add(matrix, rhs, own, above, mine, theirs, there - placed[j], config.joint_weight)
    bend = Rotation.from_matrix(rotations[j] @ rotations[parent].T).as_rotvec()
    turn = np.concatenate([np.eye(3), np.zeros((3, 3))], 1)
    _add(matrix, rhs, own, above, turn, turn, -bend, (config.distance_m / config.bend_rad) ** 2)


def _add(
    matrix: FloatArray,
    rhs: FloatArray,
    own: slice,
    above: slice,
    mine: FloatArray,
    theirs: FloatArray,
    target: FloatArray,
    weight: float,
) -> None:
    """Add weight · ‖mine x_own − theirs x_above − target‖²."""
    matrix[own, own] += weight * mine.T @ mine
    matrix[above, above] += weight * theirs.T @ theirs
    matrix[own, above] -= weight * mine.T @ theirs
    matrix[above, own] -= weight * theirs.T @ mine
    rhs[own] += weight * mine.T @ target
    rhs[above] -= weight * theirs.T @ target


def _barycentric(points: FloatArray, corners: FloatArray) -> FloatArray:
    """Return barycentric coordinates of points on triangles. [N, 3], [N, 3, 3] → [N, 3]"""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv, wu, wv = ((a * b).sum(1) for a, b in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    area = np.maximum(uu * vv - uv * uv, 1e-30)
    b, c = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    weights = np.clip(np.stack([1 - b - c, b, c], 1), 0, 1)
    normalised: FloatArray = weights / weights.sum(1, keepdims=True)
    return normalised
