"""Agreement of masks and of pictures: IoU, PSNR and SSIM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class SsimConfig:
    """Constants of the structural similarity (Wang et al. 2004, section III-B)."""

    sigma_px: float = 1.5
    """Standard deviation of the Gaussian window."""
    radius_px: int = 5
    """The window is cut at this distance, which makes it 11 × 11."""
    k1: float = 0.01
    """Stabilises the comparison of luminance, as a fraction of the largest value."""
    k2: float = 0.03
    """Stabilises the comparison of contrast, likewise."""


SSIM = SsimConfig()


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


def ssim(
    image: ArrayLike,
    truth: ArrayLike,
    mask: ArrayLike | None = None,
    peak: float = 255.0,
    config: SsimConfig = SSIM,
) -> float:
    """Return the structural similarity, mean over pixels and channels (Wang et al. 2004, equation 13).

    Arguments and errors as :func:`psnr`.
    """
    a, b = (channel.astype(np.float64) for channel in _pair(image, truth))
    if a.ndim == 2:
        a, b = a[..., None], b[..., None]

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sigma, radius = config.sigma_px, config.radius_px
        blurred: NDArray[np.float64] = gaussian_filter(values, (sigma, sigma, 0), radius=(radius, radius, 0))
        return blurred

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = (config.k1 * peak) ** 2, (config.k2 * peak) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float(similarity.mean() if mask is None else similarity[np.asarray(mask, bool)].mean())


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape:
        raise ValueError(f"both must have the same shape, but one is {first.shape} and the other {second.shape}")
    return first, second
