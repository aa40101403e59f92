"""Alignment of two surfaces that have no vertices in common: point-to-plane ICP."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate.surface import Surface, sample_surface

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RobustConfig:
    """Weights of sampled points against outliers and sliding. All values are chosen by hand."""

    kept: float = 0.9
    """Fraction of the points, the nearest ones, that counts (trimmed ICP, Chetverikov et al. 2002)."""
    huber: float = 1.5
    """Points farther than this multiple of the median distance are weighted down as by Huber's kernel."""
    tangential: float = 0.05
    """Weight of the distance along the surface relative to the one across it; with none, a cylinder could slide."""


ROBUST = RobustConfig()


@dataclass(frozen=True)
class AlignConfig:
    """Settings of :func:`align_surfaces`. All values are chosen by hand."""

    iterations: int = 60
    """Largest number of Gauss–Newton steps."""
    samples: int = 6000
    """Points on each surface."""
    converged: float = 2e-6
    """Stop when a step changes scale, rotation matrix and points (in the meshes' unit) by less."""
    scale_step: tuple[float, float] = (0.8, 1.25)
    """Limits of the change of scale in one step."""
    robust: RobustConfig = ROBUST
    """Weights of the points."""


ALIGN = AlignConfig()


@dataclass(frozen=True)
class Similarity:
    """x → scale · rotation · x + translation."""

    scale: float
    rotation: FloatArray
    """[3, 3]"""
    translation: FloatArray
    """[3]"""

    def __call__(self, points: ArrayLike) -> FloatArray:
        """Return transformed points. [..., 3]"""
        moved: FloatArray = self.scale * np.asarray(points, np.float64) @ self.rotation.T + self.translation
        return moved

    def about(self, point: ArrayLike, scale: float) -> Similarity:
        """Return the similarity with another scale that maps ``point`` to the same place."""
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
    config: AlignConfig = ALIGN,
) -> Similarity:
    """Return the transform that aligns a surface with another: robust, symmetric point-to-plane ICP.

    Every sampled point of either surface is matched with the nearest point of the other. Gauss–Newton over rotation,
    translation and, unless it is fixed, scale.

    Args:
        vertices: of the surface that jacobian. [V, 3]
        faces: [F, 3].
        true_vertices: [W, 3].
        true_faces: [G, 3].
        start: initial transform; it should be within about 20 degrees and 20 cm.
        fix_scale: keep the scale of ``start``.
        config: settings.

    Raises:
        MissingDependencyError: Open3D is not installed.
    """
    here, there = Surface(vertices, faces), Surface(true_vertices, true_faces)
    own = sample_surface(vertices, faces, config.samples, 1)
    target = sample_surface(true_vertices, true_faces, config.samples, 2)
    motion = start
    for _ in range(config.iterations):
        forward = motion(own)
        onto = there.closest(forward)
        back = here.closest((target - motion.translation) @ motion.rotation / motion.scale)
        moving = np.concatenate([forward, motion(back.points)])
        goal = np.concatenate([onto.points, target])
        normals = np.concatenate([onto.normals, back.normals @ motion.rotation.T])
        step = _step(moving, goal, normals, fix_scale, config)
        motion = _compose(step, motion)
        change = max(abs(step.scale - 1), np.abs(step.rotation - np.eye(3)).max(), np.abs(step(goal) - goal).max())
        if change < config.converged:
            break
    return motion


def robust_weights(distance: FloatArray, config: RobustConfig = ROBUST) -> FloatArray:
    """Return weights of points by their distances: 1 for near ones, falling for far ones, 0 for the farthest. [N]"""
    kept = distance <= np.quantile(distance, config.kept)
    scale = max(config.huber * float(np.median(distance[kept])), 1e-5)
    weights: FloatArray = kept * np.minimum(1.0, scale / np.maximum(distance, 1e-12))
    return weights


def _step(
    points: FloatArray, goal: FloatArray, normals: FloatArray, fix_scale: bool, config: AlignConfig
) -> Similarity:
    """Return one Gauss–Newton step."""
    difference = points - goal
    weight = robust_weights(np.linalg.norm(difference, axis=1), config.robust)
    centre = points[weight > 0].mean(0)
    arm = points - centre
    unit = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    # d(point) / d(rotation, translation, scale), one row per axis
    jacobian = np.concatenate([np.cross(arm[:, None], unit), unit, arm[:, :, None]], axis=-1)
    across = np.einsum("na,nac->nc", normals, jacobian)
    residual = (difference * normals).sum(1)
    matrix = np.einsum("n,nc,nd->cd", weight, across, across)
    matrix += config.robust.tangential * np.einsum("n,nac,nad->cd", weight, jacobian, jacobian, optimize=True)
    gradient = across.T @ (weight * residual) + config.robust.tangential * np.einsum(
        "n,nac,na->c", weight, jacobian, difference, optimize=True
    )
    free = 6 if fix_scale else 7
    matrix = matrix[:free, :free]
    found = -np.linalg.solve(matrix + 1e-9 * np.trace(matrix) * np.eye(free), gradient[:free])
    rotation = Rotation.from_rotvec(found[:3]).as_matrix()
    scale = 1.0 if fix_scale else float(np.clip(1 + found[6], *config.scale_step))
    return Similarity(scale, rotation, centre + found[3:6] - scale * rotation @ centre)


def _compose(after: Similarity, before: Similarity) -> Similarity:
    return Similarity(after.scale * before.scale, after.rotation @ before.rotation, after(before.translation))
