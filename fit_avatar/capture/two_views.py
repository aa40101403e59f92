"""What moved the camera between two pictures: a turn alone, or a turn and a way.

A turn takes every viewing ray of the scene by the same rotation. Where the camera itself went, near things move against
far ones, and only the epipolar constraint holds (Nistér, "An Efficient Solution to the Five-Point Relative Pose
Problem", PAMI 2004). Which of both explains the corners is decided by GRIC (Torr, "Geometric Motion Segmentation and
Model Selection", Phil. Trans. R. Soc. A 1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

FloatArray = NDArray[np.float64]

TRIES = 300
"""Pairs of corners from which a turn is guessed: with half of the corners right, one in 10³⁷ runs fails. Chosen by
hand."""
REFINEMENTS = 4
"""Solves for the turn from the corners that agree with the last one. Chosen by hand."""

STEPS = 20
"""At most, for the turn and the way together. Chosen by hand."""


@dataclass(frozen=True)
class TwoViews:
    """How a second camera stands relative to a first one."""

    rotation: FloatArray
    """Takes directions in the first camera's axes to the second's. [3, 3]"""
    explained: float
    """Fraction of the corners that agree with it."""
    count: int
    """How many corners were followed."""
    parallax: bool
    """Whether the camera went somewhere, too."""
    way: FloatArray | None = None
    """Unit vector from the first to the second camera, in the first one's axes; None without parallax. [3]"""


def compare_views(before: FloatArray, after: FloatArray, tolerance: float, parallax: bool | None = None) -> TwoViews:
    """Return how the camera moved, by points of the scene in both pictures.

    Args:
        before: points of the first picture, undistorted, at depth 1. [N, 2]
        after: the same of the second. [N, 2]
        tolerance: standard deviation of a point, in the same unit (pixels by the focal length).
        parallax: whether to look for the camera's way; None: where that explains the points better than a turn.
    """
    rays_a, rays_b = _rays(before), _rays(after)
    limit = 3.0 * tolerance
    turn, errors = _fit_turn(rays_a, rays_b, limit)
    alone = TwoViews(turn, float((errors < limit).mean()), len(before), False)
    if parallax is False or len(before) < 8:
        return alone
    found = _fit_way(before, after, limit)
    if found is None:
        return alone
    way, epipolar = found
    both = TwoViews(way.rotation, float((epipolar < limit).mean()), len(before), True, way.way)
    return both if parallax or _gric(epipolar, tolerance, 3, 5) < _gric(errors, tolerance, 2, 3) else alone


def _rays(points: FloatArray) -> FloatArray:
    """Return unit vectors through points at depth 1. [N, 3]"""
    rays = np.column_stack([points, np.ones(len(points))])
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def _fit_turn(a: FloatArray, b: FloatArray, limit: float) -> tuple[FloatArray, FloatArray]:
    """Return the rotation from rays to rays with which most agree, and each ray's error in radians."""
    pairs = np.random.default_rng(0).integers(0, len(a), (TRIES, 2))
    turns = _frames(b[pairs]) @ _frames(a[pairs]).transpose(0, 2, 1)
    cosines = turns.reshape(-1, 9) @ (b[:, :, None] * a[:, None]).reshape(-1, 9).T
    agreeing = np.count_nonzero(cosines > 1.0 - limit**2 / 2.0, axis=1)
    turn = turns[int(np.argmax(agreeing))]
    for _ in range(REFINEMENTS):
        near = _angles(a @ turn.T, b) < limit
        if near.sum() < 3:
            break
        u, _, vt = np.linalg.svd(b[near].T @ a[near])
        turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    return turn, _angles(a @ turn.T, b)


def _frames(rays: FloatArray) -> FloatArray:
    """Return orthonormal axes along the sum, the difference and the normal of two rays. [N, 2, 3] → [N, 3, 3]"""
    first, third = rays.sum(1), np.cross(rays[:, 0], rays[:, 1])
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    third /= np.maximum(np.linalg.norm(third, axis=1, keepdims=True), 1e-12)
    return np.stack([first, np.cross(third, first), third], -1)


def _angles(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(a - b, axis=1))


def _fit_way(before: FloatArray, after: FloatArray, limit: float) -> tuple[TwoViews, FloatArray] | None:
    """Return a turn with a way, and the points' distances from their epipolar lines; None if there is none."""
    essential, inliers = cv2.findEssentialMat(before, after, np.eye(3), cv2.RANSAC, 0.999, limit)
    if essential is None or essential.shape != (3, 3):
        return None
    count, rotation, translation, _ = cv2.recoverPose(essential, before, after, np.eye(3), mask=inliers)
    if count < 5:
        return None
    rotation, translation = np.asarray(rotation, np.float64), np.asarray(translation, np.float64).ravel()
    near = np.abs(_epipolar(before, after, rotation, translation)) < limit
    if near.sum() >= 8:
        rotation, translation = _refined(before[near], after[near], rotation, translation, limit / 3.0)
    errors = np.abs(_epipolar(before, after, rotation, translation))
    return TwoViews(rotation, 0.0, len(before), True, -rotation.T @ translation), errors


def _refined(
    before: FloatArray, after: FloatArray, rotation: FloatArray, translation: FloatArray, sigma: float
) -> tuple[FloatArray, FloatArray]:
    """Return the turn and the unit way that leave the smallest distances from epipolar lines, robustly."""
    axes = np.linalg.svd(translation[None])[2][1:]  # across the way

    def moved(step: FloatArray) -> tuple[FloatArray, FloatArray]:
        way = translation + step[3:] @ axes
        return Rotation.from_rotvec(step[:3]).as_matrix() @ rotation, way / np.linalg.norm(way)

    found = least_squares(
        lambda step: _epipolar(before, after, *moved(step)) / sigma, np.zeros(5), loss="soft_l1", max_nfev=STEPS
    )
    return moved(found.x)


def _epipolar(before: FloatArray, after: FloatArray, rotation: FloatArray, translation: FloatArray) -> FloatArray:
    """Return the points' signed distances from their epipolar lines, to first order (Sampson 1982). [N]"""
    x, y, z = translation
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation
    a, b = (np.column_stack([p, np.ones(len(p))]) for p in (before, after))
    lines, back = a @ essential.T, b @ essential
    norm = np.sqrt((lines[:, :2] ** 2).sum(1) + (back[:, :2] ** 2).sum(1))
    return np.asarray((b * lines).sum(1) / np.maximum(norm, 1e-12))


def _gric(errors: FloatArray, sigma: float, dimension: int, parameters: int) -> float:
    """Return Torr's criterion for points in two pictures: smaller is better."""
    count, data = len(errors), 4
    capped = np.minimum((errors / sigma) ** 2, 2.0 * (data - dimension))
    return float(capped.sum() + math.log(data) * dimension * count + math.log(data * count) * parameters)
