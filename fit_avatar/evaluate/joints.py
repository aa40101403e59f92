"""Errors of 3D joints: MPJPE and PA-MPJPE."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def mpjpe(joints: ArrayLike, truth: ArrayLike, root: int | None = None) -> float:
    """Return the mean per-joint position error, in the unit of the input.

    Args:
        joints: [..., J, 3].
        truth: of the same shape.
        root: joint that is translated onto its true position first; None translates nothing.

    Raises:
        ValueError: the shapes differ or are not [..., J, 3].
    """
    a, b = _pair(joints, truth)
    if root is not None:
        a, b = a - a[..., root : root + 1, :], b - b[..., root : root + 1, :]
    return float(np.linalg.norm(a - b, axis=-1).mean())


def pa_mpjpe(joints: ArrayLike, truth: ArrayLike) -> float:
    """Return :func:`mpjpe` after the best similarity transform of each frame (Procrustes alignment)."""
    a, b = _pair(joints, truth)
    return mpjpe(align_similarity(a, b), b)


def align_similarity(points: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Return points after the similarity transform that minimises their squared distances from the targets.

    Least squares over rotation, translation and scale, without reflection (Umeyama 1991).

    Args:
        points: [..., N, 3].
        target: of the same shape.

    Returns:
        [..., N, 3].
    """
    a, b = _pair(points, target)
    mean_a, mean_b = a.mean(-2, keepdims=True), b.mean(-2, keepdims=True)
    a, b = a - mean_a, b - mean_b
    u, s, vt = np.linalg.svd(np.swapaxes(a, -1, -2) @ b)
    sign = np.ones_like(s)
    sign[..., -1] = np.sign(np.linalg.det(u @ vt))
    spread = np.square(a).sum((-1, -2))
    scale = (s * sign).sum(-1) / np.where(spread > 0, spread, 1)
    aligned: NDArray[np.float64] = scale[..., None, None] * (a @ ((u * sign[..., None, :]) @ vt)) + mean_b
    return aligned


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim < 2 or first.shape[-1] != 3:
        raise ValueError(f"both must be [..., points, 3], but one is {first.shape} and the other {second.shape}")
    return first, second
