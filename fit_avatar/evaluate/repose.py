"""The error of the shape alone: what is left once the avatar has taken the true surface's pose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate.align import ALONG, robust_weights
from fit_avatar.evaluate.surface import Surface

FloatArray = NDArray[np.float64]

ITERATIONS = 25
SAMPLES = 8000
"""Points on each surface."""
JOINT_WEIGHT = 3e4
"""Weight of a joint that keeps its two bones together, against one sample: it hardly gives."""
STIFF_RAD = 0.2
"""How far a bone usually turns against its parent in all, in radians …"""
STIFF_M = 0.01
"""… when the surface is this far off."""


def repose_onto(
    vertices: ArrayLike,
    faces: ArrayLike,
    weights: ArrayLike,
    joints: ArrayLike,
    parents: Sequence[int],
    true_vertices: ArrayLike,
    true_faces: ArrayLike,
) -> FloatArray:
    """Return the vertices after every bone has moved rigidly so that the surface lies best on the true one.

    Vertices follow the bones' motions, blended by the skinning weights; bones stay together at their joints, so that
    only the pose changes. Robust, symmetric and point to plane, as :func:`align_surfaces`.

    Args:
        vertices: posed and already aligned as a whole. [V, 3]
        faces: of the outer surface. [F, 3]
        weights: skinning weights. [V, J]
        joints: posed and aligned likewise. [J, 3]
        parents: of each joint; −1 for the root.
        true_vertices: [W, 3].
        true_faces: [G, 3].

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    points, triangles, blend = np.array(vertices, np.float64), np.asarray(faces), np.asarray(weights, np.float64)
    hinges, bones = np.array(joints, np.float64), [j for j, parent in enumerate(parents) if parent >= 0]
    truth = Surface(true_vertices, true_faces)
    rotations, shifts = np.tile(np.eye(3), (len(hinges), 1, 1)), np.zeros((len(hinges), 3))
    own_face, own_bary = _samples(points, triangles, SAMPLES, 1)
    true_face, true_bary = _samples(np.asarray(true_vertices, np.float64), np.asarray(true_faces), SAMPLES, 2)
    target = np.einsum(
        "nk,nkc->nc", true_bary, np.asarray(true_vertices, np.float64)[np.asarray(true_faces)[true_face]]
    )
    now = points
    for _ in range(ITERATIONS):
        back = Surface(now, triangles).closest(target)
        face = np.concatenate([own_face, back.faces])
        bary = np.concatenate([own_bary, _barycentric(back.points, now[triangles[back.faces]])])
        share = np.einsum("nk,nkj->nj", bary, blend[triangles[face]])
        moving = np.einsum("nk,nkc->nc", bary, now[triangles[face]])
        onto = truth.closest(moving[:SAMPLES])
        goal = np.concatenate([onto.points, target])
        normals = np.concatenate([onto.normals, back.normals])
        placed = np.einsum("jab,jb->ja", rotations, hinges) + shifts
        matrix, slope = _equations(moving, goal, normals, share, placed)
        for j in bones:
            _tie(matrix, slope, j, parents[j], placed, rotations, shifts, hinges)
        step = np.linalg.solve(matrix + 1e-8 * np.trace(matrix) * np.eye(len(matrix)), slope).reshape(-1, 6)
        turns = Rotation.from_rotvec(step[:, :3]).as_matrix()
        rotations = turns @ rotations
        shifts = np.einsum("jab,jb->ja", turns, shifts - placed) + placed + step[:, 3:]
        now = np.einsum("vj,jab,vb->va", blend, rotations, points, optimize=True) + blend @ shifts
        if np.abs(step).max() < 1e-5:
            break
    return now


def _equations(
    points: FloatArray, goal: FloatArray, normals: FloatArray, share: FloatArray, centres: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the normal equations of all bones' turns and shifts. [6 J, 6 J] and [6 J]"""
    away = goal - points
    weight = robust_weights(np.linalg.norm(away, axis=1))
    count = share.shape[1]
    matrix, slope = np.zeros((6 * count, 6 * count)), np.zeros(6 * count)
    arms = points[:, None] - centres
    axes = np.eye(3)
    rows = [(normals, 1.0), *((np.broadcast_to(axis, normals.shape), ALONG) for axis in axes)]
    for direction, factor in rows:
        turn = np.cross(arms, direction[:, None])
        shift = np.broadcast_to(direction[:, None], turn.shape)
        moves = (share[..., None] * np.concatenate([turn, shift], -1)).reshape(len(points), -1)
        weighted = moves * (factor * weight)[:, None]
        matrix += weighted.T @ moves
        slope += weighted.T @ (away * direction).sum(1)
    return matrix, slope


def _tie(
    matrix: FloatArray,
    slope: FloatArray,
    j: int,
    parent: int,
    placed: FloatArray,
    rotations: FloatArray,
    shifts: FloatArray,
    hinges: FloatArray,
) -> None:
    """Add to the equations that a bone stays at its parent's side, and does not turn against it without need."""
    own, above = slice(6 * j, 6 * j + 6), slice(6 * parent, 6 * parent + 6)
    there = rotations[parent] @ hinges[j] + shifts[parent]
    arm = there - placed[parent]
    # the joint as the bone carries it, minus the joint as its parent carries it
    mine = np.concatenate([np.zeros((3, 3)), np.eye(3)], 1)
    theirs = np.concatenate([np.cross(arm, np.eye(3)), np.eye(3)], 1)
    _add(matrix, slope, own, above, mine, theirs, there - placed[j], JOINT_WEIGHT)
    bent = Rotation.from_matrix(rotations[j] @ rotations[parent].T).as_rotvec()
    turn = np.concatenate([np.eye(3), np.zeros((3, 3))], 1)
    _add(matrix, slope, own, above, turn, turn, -bent, (STIFF_M / STIFF_RAD) ** 2)


def _add(
    matrix: FloatArray,
    slope: FloatArray,
    own: slice,
    above: slice,
    mine: FloatArray,
    theirs: FloatArray,
    wanted: FloatArray,
    weight: float,
) -> None:
    """Add weight · ‖mine x_own − theirs x_above − wanted‖²."""
    matrix[own, own] += weight * mine.T @ mine
    matrix[above, above] += weight * theirs.T @ theirs
    matrix[own, above] -= weight * mine.T @ theirs
    matrix[above, own] -= weight * theirs.T @ mine
    slope[own] += weight * mine.T @ wanted
    slope[above] -= weight * theirs.T @ wanted


def _samples(
    vertices: FloatArray, faces: NDArray[np.int64], count: int, seed: int
) -> tuple[NDArray[np.int64], FloatArray]:
    """Return triangles [N] and places on them [N, 3] (barycentric), spread evenly by area."""
    rng = np.random.default_rng(seed)
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = rng.choice(len(area), count, p=area / area.sum())
    return chosen, rng.dirichlet(np.ones(3), count)


def _barycentric(points: FloatArray, corners: FloatArray) -> FloatArray:
    """Return barycentric weights of points that lie on triangles. [N, 3], [N, 3, 3] → [N, 3]"""
    u, v, w = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    uu, uv, vv, wu, wv = ((a * b).sum(1) for a, b in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    area = np.maximum(uu * vv - uv * uv, 1e-30)
    b, c = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    weights = np.clip(np.stack([1 - b - c, b, c], 1), 0, 1)
    normalised: FloatArray = weights / weights.sum(1, keepdims=True)
    return normalised
