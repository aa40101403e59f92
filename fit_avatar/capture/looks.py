"""How a person looks: the colours of upper and lower body, by which people are told apart and known again."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import BODY, MID_HIP, NECK, Points
from fit_avatar.capture.types import Image

Looks = NDArray[np.float32]
"""Square roots of the fractions of each colour on the upper and the lower body; zero where a part is not seen. [2, C]
"""
HEIGHT_PX = 96
"""People are looked at about so many pixels from hips to neck, times two. Chosen by hand."""
BINS = (8, 12, 12)
"""Of lightness, green to red, and blue to yellow."""
RANGES = (0, 256, 64, 192, 64, 192)
"""Of these in OpenCV's 8-bit Lab, whose extremes no cloth has."""
UPPER = ((2, 9), (5, 12), (2, 12), (5, 9), (NECK, MID_HIP))
"""Lines over the torso, between points of BODY_25."""
LOWER = ((9, 10), (12, 13), (10, 11), (13, 14))
"""Lines over thighs and shins."""


@dataclass(frozen=True)
class LooksConfig:
    """Settings of how colours are sampled."""

    upper_width: float = 0.22
    """Width of the lines over the torso, in lengths from hips to neck. Chosen by hand."""
    lower_width: float = 0.12
    """Width of the lines over the legs. Chosen by hand, less than a thigh's."""
    spread: float = 0.8
    """Standard deviation by which colours are blurred, in bins: light changes from step to step. Chosen by hand."""


DEFAULT_LOOKS = LooksConfig()


def looks_of(frame: Image, points: Points, config: LooksConfig = DEFAULT_LOOKS) -> Looks:
    """Return how a person looks in a BGR frame [H, W, 3].

    Args:
        frame: picture.
        points: BODY_25 (u, v, confidence) in its pixels, or more behind them. [25 or 137, 3]
        config: settings.
    """
    body = points[BODY]
    seen = body[:, 2] > MIN_CONFIDENCE
    found = np.zeros((2, int(np.prod(BINS))), np.float32)
    if seen.sum() < 2:
        return found
    low, high = body[seen, :2].min(0), body[seen, :2].max(0)
    torso = _torso(body, float(max(high - low)))
    first = np.maximum(np.floor(low - torso / 4), 0).astype(int)
    last = np.minimum(np.ceil(high + torso / 4).astype(int) + 1, frame.shape[1::-1])
    if (last - first < 2).any():
        return found
    scale = min(1.0, HEIGHT_PX / 2 / torso)
    crop = frame[first[1] : last[1], first[0] : last[0]]
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    colours = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    places = ((body[:, :2] - first) * scale).round().astype(int)
    for part, (lines, width) in enumerate(((UPPER, config.upper_width), (LOWER, config.lower_width))):
        canvas = np.zeros(small.shape[:2], np.uint8)
        for a, b in lines:
            if seen[a] and seen[b]:
                cv2.line(canvas, places[a].tolist(), places[b].tolist(), 255, max(1, round(width * torso * scale)))
        found[part] = _colours(colours, canvas, config)
    return found


def unlike(a: Looks, b: Looks) -> float | None:
    """Return how unlike two people look, 0 to 1 (Hellinger's distance); ``None`` if they show no common part."""
    both = (a.any(-1)) & (b.any(-1))
    if not both.any():
        return None
    return float(np.sqrt(np.clip(1.0 - (a[both] * b[both]).sum(-1), 0.0, 1.0)).mean())


def mean_looks(squares: NDArray[np.float32]) -> Looks:
    """Return the mean of how a person looks in several frames, from the sum of the squares of that. [2, C]"""
    return np.asarray(np.sqrt(squares / np.maximum(squares.sum(-1, keepdims=True), 1e-9)), np.float32)


def _torso(body: Points, extent: float) -> float:
    """Return the length from hips to neck in pixels, from the extent of all points where one of them is unseen."""
    if (body[[NECK, MID_HIP], 2] > MIN_CONFIDENCE).all():
        return max(float(np.linalg.norm(body[NECK, :2] - body[MID_HIP, :2])), extent / 8, 1.0)
    return max(extent / 3, 1.0)


def _colours(picture: Image, canvas: NDArray[np.uint8], config: LooksConfig) -> NDArray[np.float32]:
    """Return the square roots of the fractions of each colour under a canvas. Lab [h, w, 3], [h, w] → [C]"""
    counts = cv2.calcHist([picture], [0, 1, 2], canvas, list(BINS), list(RANGES))
    if config.spread > 0:
        counts = _blurred(counts, config.spread)
    return np.asarray(np.sqrt(counts.ravel() / max(float(counts.sum()), 1e-9)), np.float32)


def _blurred(counts: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(counts, sigma, mode="nearest", truncate=2.0), np.float32)
