"""The colour of a point from what many frames show of it, without outliers."""

from __future__ import annotations

import torch
from torch import Tensor

SIGMAS = (60.0, 35.0, 20.0)
"""Scale of the kernel in each round, in grey levels of 255: samples that differ from the mean by much more are
outliers. It is annealed from wide to narrow, so that the start does not decide. Chosen by hand."""


def robust_mean(values: Tensor, weight: Tensor, sigmas: tuple[float, ...] = SIGMAS) -> Tensor:
    """Return the Geman–McClure mean over K samples of N points, by iteratively reweighted least squares.

    It starts from the plain mean, not the median: where the samples fall into two groups (a shadow) the
    median jumps from one to the other between neighbouring texels, while the mean changes gradually.

    values [K, C, N], weight [K, N] → [C, N]
    """
    mean = _weighted_mean(values, weight)
    for sigma in sigmas:
        robust = torch.empty_like(weight)
        for k, sample in enumerate(values):
            distance = (sample - mean).square_().sum(0)
            torch.div(weight[k], distance.mul_(1 / (3 * sigma**2)).add_(1).square_(), out=robust[k])
        mean = _weighted_mean(values, robust)
    return mean


def _weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    total = torch.zeros_like(values[0])
    for sample, weights in zip(values, weight, strict=True):
        total.addcmul_(sample, weights)
    return total / weight.sum(0).clamp_min(1e-12)
