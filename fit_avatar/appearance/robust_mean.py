"""From what many frames show of a point to one colour: outliers left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

SIGMAS = (60.0, 35.0, 20.0)
"""Samples that differ from the mean by much more than this (of 255) are outliers; narrowed from round to round."""


def robust_mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the Geman–McClure mean over the samples. values [K, N, C], weight [K, N] → [N, C]

    It starts from the plain mean, not the median: where the samples fall into two groups (a shadow) the
    median jumps from one to the other between neighbouring texels, the mean goes over gradually.
    """
    mean = _mean(values, weight)
    for sigma in SIGMAS:
        trust = np.empty_like(weight)
        for k, sample in enumerate(values):
            difference = sample - mean
            trust[k] = weight[k] / (1 + np.einsum("nc,nc->n", difference, difference) / (3 * sigma**2)) ** 2
        mean = _mean(values, trust)
    return mean


def _mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    total = np.zeros_like(values[0], dtype=np.float32)
    for sample, share in zip(values, weight, strict=True):
        total += share[:, None] * sample
    return np.asarray(total / np.maximum(weight.sum(axis=0), 1e-12)[:, None], dtype=np.float32)
