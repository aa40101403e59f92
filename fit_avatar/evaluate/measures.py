"""Measures of a motion against the truth, by their published definitions: errors, PCK, AUC, accelerations.

MPJPE is defined in Ionescu et al. 2014 (Human3.6M), PA-MPJPE in Zhou et al. 2018 (MonoCap), PCK and AUC in 3D in Mehta
et al. 2017 (MPI-INF-3DHP), acceleration and its error in Kanazawa et al. 2019 (HMMR), equation of section 5.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fit_avatar.evaluate.joints import align_similarity

FloatArray = NDArray[np.float64]

AUC_THRESHOLDS_M = tuple(0.005 * k for k in range(31))
"""0, 5, … 150 mm: those of MPI-INF-3DHP's own evaluation (Mehta et al. 2017)."""


def joint_errors(joints: ArrayLike, truth: ArrayLike, root: ArrayLike | None = None) -> FloatArray:
    """Return the distance of every joint from the truth. [T, J, 3] twice → [T, J], in the unit of the input

    Args:
        joints: [T, J, 3].
        truth: of the same shape.
        root: joints whose mean is moved onto its true place first; None moves nothing. [R]
    """
    a, b = np.asarray(joints, np.float64), np.asarray(truth, np.float64)
    if root is not None:
        a, b = rooted(a, root), rooted(b, root)
    return np.asarray(np.linalg.norm(a - b, axis=-1))


def aligned_errors(joints: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return :func:`joint_errors` after the best similarity transform of each frame: PA-MPJPE is their mean."""
    return joint_errors(align_similarity(joints, truth), truth)


def rooted(joints: ArrayLike, root: ArrayLike) -> FloatArray:
    """Return joints relative to the mean of some of them. [..., J, 3], [R] → [..., J, 3]"""
    points = np.asarray(joints, np.float64)
    relative: FloatArray = points - points[..., np.asarray(root, np.intp), :].mean(-2, keepdims=True)
    return relative


def align_clip(joints: ArrayLike, truth: ArrayLike) -> FloatArray:
    """Return the joints after the one similarity transform that fits them best in all frames together.

    For truths in world coordinates whose camera is not known. [T, J, 3] twice → [T, J, 3]
    """
    a, b = np.asarray(joints, np.float64), np.asarray(truth, np.float64)
    return align_similarity(a.reshape(-1, 3), b.reshape(-1, 3)).reshape(a.shape)


def pck(errors: ArrayLike, threshold: float) -> float:
    """Return the percentage of the errors that are at most ``threshold``, in the unit of the errors."""
    return 100 * float((np.asarray(errors) <= threshold).mean())


def auc(errors_m: ArrayLike, thresholds_m: tuple[float, ...] = AUC_THRESHOLDS_M) -> float:
    """Return the mean of :func:`pck` over thresholds, which is the normalised area under its curve. Errors in metres"""
    return float(np.mean([pck(errors_m, threshold) for threshold in thresholds_m]))


def accelerations(joints: ArrayLike) -> FloatArray:
    """Return second differences, x₋₁ − 2 x₀ + x₊₁, of frames that follow each other. [T, J, 3] → [T − 2, J, 3]

    The unit is that of the input per frame², as in HMMR and VIBE.
    """
    points = np.asarray(joints, np.float64)
    return np.asarray(points[:-2] - 2 * points[1:-1] + points[2:])
