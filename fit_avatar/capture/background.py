"""What stands behind the person: a per-pixel mean of the frames in which each pixel is clearly not the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_VIEWS = 3
"""A pixel is known once it was seen as background in this many frames."""
NOISE_FLOOR = 1.0
"""Smallest standard deviation assumed per pixel and channel, in grey levels (rounding and codec)."""
MOST_NOISE, MOST_HUE_NOISE = 10.0, 4.0
"""Largest standard deviations assumed of brightness (a shadow that comes and goes) and of hue (leaves that move)."""
MOVED = 6.0
"""If the colours at the scene's edges usually vary by this many grey levels, the camera does not stand still."""
SHARPEST = 0.9
"""Edges are the pixels whose slope is above this quantile."""
OUTLIER = 1.8
"""Values further from the mean than this many standard deviations are left out of the second average."""
SHADOW_COST = (0.5, 0.25)
"""A darkening counts by this factor, elsewhere and on the floor, against the usual change of brightness …"""
DARKEST = (0.75, 0.65)
"""… down to this part of the plate's brightness, elsewhere and on the floor; a deeper shadow is not believed."""

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]


@dataclass(frozen=True)
class Background:
    """A clean plate of a clip filmed by a camera that stands still."""

    mean: Image
    """Mean colour, BGR in 0..255. [H, W, 3]"""
    sigma: NDArray[np.float32]
    """Standard deviation of the brightness over time, per channel. [H, W]"""
    hue: NDArray[np.float32]
    """Standard deviation over time of what brightness does not explain, per channel. [H, W]"""
    known: Mask
    """Whether the pixel was seen often enough. [H, W]"""

    def distance(
        self, image: Image, box: Box, floor: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], Mask]:
        """Return how many standard deviations a picture of a part lies from the plate, and where the plate is known.

        A shadow scales all channels alike, so brightness (along the plate's own colour) and hue (across it) are
        measured apart, each against its own noise. The shadows on walls are seen from the clip and are in the noise;
        those that the person stands in are not, so that a darkening is cheaper on the floor.

        Args:
            image: BGR crop of a frame, at any smaller size. [h, w, 3]
            box: rows and columns of the crop in the full frame.
            floor: how much each row of the crop shows the floor at the person's feet, 0..1. [h]
        """
        size = image.shape[1::-1]
        plate = cv2.resize(self.mean[box], size, interpolation=cv2.INTER_AREA).astype(np.float32)
        sigma = cv2.resize(self.sigma[box], size, interpolation=cv2.INTER_AREA)
        hue = cv2.resize(self.hue[box], size, interpolation=cv2.INTER_AREA)
        known = cv2.resize(self.known[box].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        colour = image.astype(np.float32)
        norm = np.maximum(np.einsum("ijk,ijk->ij", plate, plate), 1.0)
        shade = np.einsum("ijk,ijk->ij", plate, colour) / norm
        across = np.maximum(np.einsum("ijk,ijk->ij", colour, colour) - shade * shade * norm, 0.0)
        rows = np.zeros(size[1], np.float32) if floor is None else floor
        cost, darkest = (np.interp(rows, (0.0, 1.0), pair)[:, None] for pair in (SHADOW_COST, DARKEST))
        shadow = cost * (1.0 - np.maximum(shade, darkest)) + np.maximum(darkest - shade, 0.0)
        along = np.where(shade > 1.0, shade - 1.0, shadow) ** 2 * norm
        return np.asarray(np.sqrt((across / hue**2 + along / sigma**2) / 3.0), np.float32), known


def estimate_background(frames: Sequence[tuple[Image, Mask]]) -> Background | None:
    """Average each pixel over the frames where it is surely background, twice: the second time without outliers.

    Args:
        frames: pairs of a BGR frame [H, W, 3] and a mask that is True wherever the person *may* be [H, W].

    Returns:
        The plate, or ``None`` if there was no frame or the camera moved (the same pixel changes too much over time).
    """
    if not frames:
        return None
    clear = [~maybe_person for _, maybe_person in frames]
    mean, sigma, hue, count = _statistics(frames, clear)
    variance = sigma**2 + 2.0 * hue**2
    if _camera_moved(frames[0][0], np.sqrt(variance / 3.0), count >= MIN_VIEWS):
        return None
    limit = OUTLIER**2 * (variance + 3.0 * NOISE_FLOOR**2)
    for (frame, _), usable in zip(frames, clear, strict=True):
        off = cv2.subtract(frame, mean, dtype=cv2.CV_32F)
        usable &= np.einsum("ijk,ijk->ij", off, off) < limit
    mean, sigma, hue, clean_count = _statistics(frames, clear)
    known = (count >= MIN_VIEWS) & (clean_count >= MIN_VIEWS)
    if not known.any():
        return None
    sigma = np.minimum(np.hypot(sigma, NOISE_FLOOR), MOST_NOISE)
    hue = np.minimum(np.hypot(hue, NOISE_FLOOR), MOST_HUE_NOISE)
    return Background(np.round(mean).astype(np.uint8), sigma, hue, known)


def _camera_moved(frame: Image, sigma: NDArray[np.float32], known: Mask) -> bool:
    """Judge by the sharpest edges of the scene, which change most when the camera moves even a little."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    if not known.any():
        return True
    edges = known & (slope >= np.quantile(slope[known], SHARPEST))
    return float(np.median(sigma[edges])) > MOVED


def _statistics(
    frames: Sequence[tuple[Image, Mask]], usable: Sequence[Mask]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return mean [H, W, 3], standard deviations along and across it [H, W], and number of usable values [H, W]."""
    shape = frames[0][0].shape
    total, square, product = (np.zeros(shape, np.float32) for _ in range(3))
    count = np.zeros(shape[:2], np.float32)
    for (frame, _), mask in zip(frames, usable, strict=True):
        weight = mask.astype(np.uint8)
        cv2.accumulate(frame, total, weight)
        cv2.accumulateSquare(frame, square, weight)
        cv2.accumulateProduct(frame, _turned(frame), product, weight)
        count += weight
    views = np.maximum(count, 1.0)[..., None]
    mean = total / views
    turned = _turned(mean)
    variance = np.maximum(square / views - mean * mean, 0.0)
    covariance = product / views - mean * turned
    # The variance along a direction m is mᵀCm / mᵀm; C's off-diagonal entries are those of each channel with the next.
    norm = np.maximum(np.einsum("ijk,ijk->ij", mean, mean), 1.0)
    spread = np.einsum("ijk,ijk->ij", mean * mean, variance) + 2.0 * np.einsum("ijk,ijk->ij", mean * turned, covariance)
    along = np.maximum(spread / norm, 0.0)
    across = np.maximum(variance.sum(axis=2) - along, 0.0) / 2.0
    return mean, np.sqrt(along), np.sqrt(across), count


def _turned(image: NDArray[Any]) -> NDArray[Any]:
    """Move each channel on by one. [H, W, 3]"""
    first, second, third = cv2.split(image)
    return np.asarray(cv2.merge((third, first, second)))
