"""Transparent frames: where they show the person, and what stands for the background."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

NEUTRAL = 128
"""Grey level of the background of transparent frames: neither light nor dark. Chosen by hand."""
MATTE_FRAMES = 30
"""So many frames at the start are looked at. Chosen by hand."""
MIN_TRANSPARENT = 0.01
"""Frames that are transparent in a smaller part have no matte, but stray pixels. Chosen by hand."""
HALF = 128


def is_matte(alpha: NDArray[np.uint8] | None) -> bool:
    """Return whether a frame's opacity [H, W] leaves out a part of the picture."""
    return alpha is not None and bool((alpha < HALF).mean() > MIN_TRANSPARENT)


def composed(picture: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return a picture whose colours are not premultiplied over neutral grey. [H, W, 3]"""
    if alpha is None or int(alpha.min(initial=255)) == 255:
        return picture
    opacity = cv2.merge([alpha, alpha, alpha])
    grey = np.full_like(picture, NEUTRAL)
    seen = cv2.multiply(picture, opacity, scale=1 / 255)
    return np.asarray(cv2.add(seen, cv2.multiply(grey, cv2.bitwise_not(opacity), scale=1 / 255)), np.uint8)
