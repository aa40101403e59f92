"""Filling the unknown pixels of an image from coarser and coarser averages."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


def push_pull(image: FloatArray, known: BoolArray) -> FloatArray:
    """Fill the unknown pixels of an image from coarser and coarser averages of the known ones.

    UV islands so grow outwards, and mip maps do not bleed.

    Args:
        image: [S, S, C]
        known: [S, S]

    Returns:
        [S, S, C]; known pixels unchanged.

    Source: Gortler et al. 1996 (The Lumigraph).
    """
    if known.all() or min(known.shape) <= 1:
        return image
    weight = known.astype(np.float32)
    size = ((known.shape[1] + 1) // 2, (known.shape[0] + 1) // 2)
    smaller_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    smaller = cv2.resize(image * weight[:, :, None], size, interpolation=cv2.INTER_AREA)
    smaller = smaller.reshape(*smaller_weight.shape, -1) / np.maximum(smaller_weight, 1e-6)[:, :, None]
    coarse = push_pull(smaller, smaller_weight > 0)
    up = cv2.resize(coarse, (known.shape[1], known.shape[0]), interpolation=cv2.INTER_LINEAR)
    filled: FloatArray = np.asarray(up, np.float32).reshape(image.shape)
    np.copyto(filled, image, where=known[:, :, None])
    return filled
