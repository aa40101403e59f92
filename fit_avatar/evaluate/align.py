"""Alignment of two surfaces that have no vertices in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate.surface import Surface, sample_surface

FloatArray = NDArray[np.float64]

ITERATIONS = 60
SAMPLES = 6000
"""Points on each surface."""
TRIM = 0.9
"""The farthest tenth of the points does not count."""
ALONG = 0.05
"""Weight of the distance along the surface against the one across it: without any, a cylinder could slide."""
CONVERGED = 2e-6


@dataclass(frozen=True)
class Similarity:
    """x → scale · rotation · x + translation."""

    scale: float
    rotation: FloatArray
    """[3, 3]"""
    translation: FloatArray
    """[3]"""

    def __call__(self, points: ArrayLike) -> FloatArray:
        """Return moved points. [..., 3]"""
        moved: FloatArray = self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.translation
        return moved

    def about(self, point: ArrayLike, scale: float) -> Similarity:
        """Return it with another scale, such that ``point`` goes where it went before."""
        shift = (self.scale - scale) * self.rotation @ np.asarray(point, np.float64)
        return Similarity(scale, self.rotation, self.translation + shift)


IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


def align_surfaces(
    vertices: ArrayLike,
    faces: ArrayLike,
    true_vertices: ArrayLike,
    true_faces: ArrayLike,
    start: Similarity = IDENTITY,
    fix_scale: bool = False,
) -> Similarity:
    """Return the motion that brings a surface onto another: robust, symmetric, point to plane.

    Points of either surface are drawn to the nearest point of the other, by Gauss–Newton over rotation, translation
    and, unless it is fixed, scale. The farthest tenth does not count, and far points count by their distance only.

    Args:
        vertices: of the surface that moves. [V, 3]
        faces: [F, 3].
        true_vertices: [W, 3].
        true_faces: [G, 3].
        start: where to begin; it should be within some 20 degrees and 20 cm.
        fix_scale: keep the start's scale.

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    here, there = Surface(vertices, faces), Surface(true_vertices, true_faces)
    own, target = sample_surface(vertices, faces, SAMPLES, 1), sample_surface(true_vertices, true_faces, SAMPLES, 2)
    motion = start
    for _ in range(ITERATIONS):
        forward = motion(own)
        onto = there.closest(forward)
        back = here.closest((target - motion.translation) @ motion.rotation / motion.scale)
        moving = np.concatenate([forward, motion(back.points)])
        goal = np.concatenate([onto.points, target])
        normals = np.concatenate([onto.normals, back.normals @ motion.rotation.T])
        step = _step(moving, goal, normals, fix_scale)
        motion = _compose(step, motion)
        change = max(abs(step.scale - 1), np.abs(step.rotation - np.eye(3)).max(), np.abs(step(goal) - goal).max())
        if change < CONVERGED:
            break
    return motion


def robust_weights(distance: FloatArray) -> FloatArray:
    """Return weights of points by their distances: 1 for near ones, falling for far ones, 0 for the farthest. [N]"""
    kept = distance <= np.quantile(distance, TRIM)
    scale = max(1.5 * float(np.median(distance[kept])), 1e-5)
    weights: FloatArray = kept * np.minimum(1.0, scale / np.maximum(distance, 1e-12))
    return weights


def _step(points: FloatArray, goal: FloatArray, normals: FloatArray, fix_scale: bool) -> Similarity:
    """Solve for one small motion of all points."""
    away = points - goal
    weight = robust_weights(np.linalg.norm(away, axis=1))
    centre = points[weight > 0].mean(0)
    arm = points - centre
    unit = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    # d(point) / d(turn, shift, scale), each row one axis
    moves = np.concatenate([np.cross(arm[:, None], unit), unit, arm[:, :, None]], axis=-1)
    across = np.einsum("na,nac->nc", normals, moves)
    residual = (away * normals).sum(1)
    matrix = np.einsum("n,nc,nd->cd", weight, across, across)
    matrix += ALONG * np.einsum("n,nac,nad->cd", weight, moves, moves, optimize=True)
    slope = across.T @ (weight * residual) + ALONG * np.einsum("n,nac,na->c", weight, moves, away, optimize=True)
    free = 6 if fix_scale else 7
    matrix = matrix[:free, :free]
    found = -np.linalg.solve(matrix + 1e-9 * np.trace(matrix) * np.eye(free), slope[:free])
    turn = Rotation.from_rotvec(found[:3]).as_matrix()
    scale = 1.0 if fix_scale else float(np.clip(1 + found[6], 0.8, 1.25))
    return Similarity(scale, turn, centre + found[3:6] - scale * turn @ centre)


def _compose(after: Similarity, before: Similarity) -> Similarity:
    return Similarity(after.scale * before.scale, after.rotation @ before.rotation, after(before.translation))
