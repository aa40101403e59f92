"""Edge-aware smoothing: Min et al., "Fast Global Image Smoothing Based on Weighted Least Squares", TIP 2014."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from fit_avatar.capture.types import Image

PASSES = 3
"""Passes over rows and columns, as in the paper; more change little."""
ATTENUATION = 0.25
"""Factor on the smoothness from pass to pass, against streaks; OpenCV's value, where the paper has a formula."""


def smooth_within_edges(
    values: NDArray[np.float32], image: Image, smoothness: float, colour_sigma: float
) -> NDArray[np.float32]:
    """Smooth values where neighbouring pixels of a picture have similar colours.

    Args:
        values: to smooth. [H, W]
        image: whose edges are kept. [H, W, 3]
        smoothness: weight of the squared differences between neighbours against that of the change of a value.
        colour_sigma: distance of colours, in grey levels, at which that weight falls to 1/e.

    Returns:
        Smoothed values. [H, W]
    """
    colours = image.astype(np.float32)
    across, down = (_links(colours, axis, colour_sigma) for axis in (1, 0))
    for _ in range(PASSES):
        values = _smooth_rows(values, smoothness * across)
        values = _smooth_rows(values.T, smoothness * down.T).T
        smoothness *= ATTENUATION
    return values


def _links(colours: NDArray[np.float32], axis: int, sigma: float) -> NDArray[np.float32]:
    """Return how alike each pixel and its next neighbour are, 0..1; 0 at the end. [H, W]"""
    blue, green, red = cv2.split(np.diff(colours, axis=axis))
    distance = np.sqrt(blue * blue + green * green + red * red)
    return np.pad(np.exp(-distance / sigma), [(0, int(axis == i)) for i in range(2)])


def _smooth_rows(values: NDArray[np.float32], links: NDArray[np.float32]) -> NDArray[np.float32]:
    """Solve the rows' tridiagonal systems as one, which falls apart where the links are 0. [H, W]"""
    after = links.ravel()
    before = np.concatenate([[np.float32(0.0)], after[:-1]])
    bands = np.stack([1.0 + before + after, -after])
    solved = solveh_banded(bands, values.ravel(), lower=True, overwrite_ab=True, check_finite=False)
    return np.asarray(solved, np.float32).reshape(values.shape)
