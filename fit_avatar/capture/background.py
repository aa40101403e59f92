"""What stands behind the person: a per-pixel mean of the frames in which each pixel is clearly not the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_VIEWS = 3
"""A pixel is known once it was seen as background in this many frames."""
NOISE_FLOOR = 2.0
"""Smallest standard deviation assumed per pixel and channel, in grey levels (sensor and codec noise)."""

MOST_NOISE = 10.0
"""Largest standard deviation assumed: a shadow that comes and goes, leaves that move."""
MOVED = 3.0
"""If the scene's edges usually vary by this many times the noise floor, the camera does not stand still."""
SHARPEST = 0.9
"""Edges are the pixels whose slope is above this quantile."""
OUTLIER = 1.8
"""Values further from the mean than this many standard deviations are left out of the second average."""
SHADOW_COST = 0.25
"""A darkening counts by this factor against a change of hue …"""
DARKEST = 0.65
"""… down to this part of the plate's brightness; a deeper shadow is not believed."""

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]


@dataclass(frozen=True)
class Background:
    """A clean plate of a clip filmed by a camera that stands still."""

    mean: Image
    """Mean colour, BGR in 0..255. [H, W, 3]"""
    sigma: NDArray[np.float32]
    """Standard deviation of the colour over time, one number per pixel. [H, W]"""
    known: Mask
    """Whether the pixel was seen often enough. [H, W]"""

    def distance(self, image: Image, box: Box) -> tuple[NDArray[np.float32], Mask]:
        """Return how many standard deviations a picture of a part lies from the plate, and where the plate is known.

        A shadow scales all channels alike, so a darkening (down to ``DARKEST``) along the plate's own colour counts
        ``SHADOW_COST`` times as much as the same change of hue.

        Args:
            image: BGR crop of a frame, at any smaller size. [h, w, 3]
            box: rows and columns of the crop in the full frame.
        """
        size = image.shape[1::-1]
        plate = cv2.resize(self.mean[box], size, interpolation=cv2.INTER_AREA).astype(np.float32)
        sigma = cv2.resize(self.sigma[box], size, interpolation=cv2.INTER_AREA)
        known = cv2.resize(self.known[box].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        colour = image.astype(np.float32)
        norm = np.einsum("ijk,ijk->ij", plate, plate) + 1.0
        shade = np.clip(np.einsum("ijk,ijk->ij", plate, colour) / norm, DARKEST, 1.0)
        lit = colour - plate * shade[..., None]
        residual = np.einsum("ijk,ijk->ij", lit, lit) + (SHADOW_COST * (1.0 - shade)) ** 2 * norm
        return np.asarray(np.sqrt(residual / 3.0) / sigma, np.float32), known


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
    mean, sigma, count = _statistics(frames, clear)
    if _camera_moved(frames[0][0], sigma, count >= MIN_VIEWS):
        return None
    for (frame, _), usable in zip(frames, clear, strict=True):
        usable &= np.abs(frame - mean).max(axis=2) < OUTLIER * np.maximum(sigma, NOISE_FLOOR)
    mean, sigma, clean_count = _statistics(frames, clear)
    known = (count >= MIN_VIEWS) & (clean_count >= MIN_VIEWS)
    if not known.any():
        return None
    sigma = np.clip(np.hypot(sigma, NOISE_FLOOR), 0.0, MOST_NOISE)
    return Background(np.round(mean).astype(np.uint8), sigma, known)


def _camera_moved(frame: Image, sigma: NDArray[np.float32], known: Mask) -> bool:
    """Judge by the sharpest edges of the scene, which change most when the camera moves even a little."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    if not known.any():
        return True
    edges = known & (slope >= np.quantile(slope[known], SHARPEST))
    return float(np.median(sigma[edges])) > MOVED * NOISE_FLOOR


def _statistics(
    frames: Sequence[tuple[Image, Mask]], usable: Sequence[Mask]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return mean [H, W, 3], standard deviation over the channels [H, W] and number of usable values [H, W]."""
    shape = frames[0][0].shape
    total, square, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32)
    for (frame, _), mask in zip(frames, usable, strict=True):
        weight = mask.astype(np.uint8)
        cv2.accumulate(frame, total, weight)
        cv2.accumulateSquare(frame, square, weight)
        count += weight
    views = np.maximum(count, 1.0)[..., None]
    mean = total / views
    variance = np.maximum(square / views - mean * mean, 0.0).mean(axis=2)
    return mean, np.sqrt(variance), count
