"""The colour of a point from what many frames show of it, without outliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SIGMAS = (60.0, 35.0, 20.0)
"""Scale of the kernel in each round, in grey levels of 255: samples that differ from the mean by much more are
outliers. It is annealed from wide to narrow, so that the start does not decide. Chosen by hand."""


def robust_mean(values: FloatArray, weight: FloatArray, sigmas: tuple[float, ...] = SIGMAS) -> FloatArray:
    """Return the Geman–McClure mean over K samples of N points, by iteratively reweighted least squares.

    It starts from the plain mean, not the median: where the samples fall into two groups (a shadow) the
    median jumps from one to the other between neighbouring texels, while the mean changes gradually.

    values [K, N, C], weight [K, N] → [N, C]
    """
    mean = _weighted_mean(values, weight)
    for sigma in sigmas:
        robust = np.empty_like(weight)
        for k, sample in enumerate(values):
            difference = sample - mean
            robust[k] = weight[k] / (1 + np.einsum("nc,nc->n", difference, difference) / (3 * sigma**2)) ** 2
        mean = _weighted_mean(values, robust)
    return mean


def _weighted_mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    total = np.zeros_like(values[0], dtype=np.float32)
    for sample, weights in zip(values, weight, strict=True):
        total += weights[:, None] * sample
    return np.asarray(total / np.maximum(weight.sum(axis=0), 1e-12)[:, None], dtype=np.float32)
