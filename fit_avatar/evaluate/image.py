"""Agreement of masks and of pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

SSIM_SIGMA_PX = 1.5
"""Width of the Gaussian window (Wang et al. 2004, section III-B)."""


def iou(a: ArrayLike, b: ArrayLike) -> float:
    """Return intersection over union of two masks of one shape; 1 if both are empty.

    Raises:
        ValueError: the shapes differ.
    """
    first, second = _pair(a, b)
    one, other = first.astype(bool), second.astype(bool)
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def psnr(image: ArrayLike, truth: ArrayLike, mask: ArrayLike | None = None, peak: float = 255.0) -> float:
    """Return the peak signal-to-noise ratio in decibels; infinite for identical images.

    Args:
        image: [H, W] or [H, W, C].
        truth: of the same shape.
        mask: [H, W], True where the images are compared; by default everywhere.
        peak: largest possible value.

    Raises:
        ValueError: the shapes differ.
    """
    a, b = _pair(image, truth)
    difference = a.astype(np.float64) - b.astype(np.float64)
    error = float(np.mean(np.square(difference if mask is None else difference[np.asarray(mask, bool)])))
    return float(10 * np.log10(peak**2 / error)) if error else float("inf")


def ssim(image: ArrayLike, truth: ArrayLike, mask: ArrayLike | None = None, peak: float = 255.0) -> float:
    """Return the structural similarity, mean over pixels and channels (Wang et al. 2004, equation 13).

    Arguments and errors as :func:`psnr`. The window is a Gaussian of 1.5 pixels, cut at 5.
    """
    a, b = (channel.astype(np.float64) for channel in _pair(image, truth))
    if a.ndim == 2:
        a, b = a[..., None], b[..., None]
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float(similarity.mean() if mask is None else similarity[np.asarray(mask, bool)].mean())


def _blur(image: NDArray[np.float64]) -> NDArray[np.float64]:
    blurred: NDArray[np.float64] = gaussian_filter(image, (SSIM_SIGMA_PX, SSIM_SIGMA_PX, 0), radius=(5, 5, 0))
    return blurred


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape:
        raise ValueError(f"both must have the same shape, but one is {first.shape} and the other {second.shape}")
    return first, second
