"""Where the feet are, and where they end, by their keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.box import Box
from fit_avatar.capture.person import MIN_CONFIDENCE
from fit_avatar.capture.points import Points
from fit_avatar.capture.types import Mask

FEET = (19, 21, 22, 24)
"""BODY_25 big toe and heel of each foot."""
EACH_FOOT = ((19, 21), (22, 24))
"""BODY_25 big toe and heel of the left and of the right foot."""
FOOT_BONES = ((11, 24), (24, 22), (11, 22), (14, 21), (21, 19), (14, 19))
"""Pairs of BODY_25 points between ankle, heel and big toe."""
BODY_BONES = (
    (0, 1), (1, 8), (2, 5), (2, 3), (3, 4), (5, 6), (6, 7), (2, 9), (5, 12), (2, 12), (5, 9),
    (9, 12), (9, 10), (10, 11), (12, 13), (13, 14),
)  # fmt: skip
"""Pairs of BODY_25 points whose straight connection is inside the body."""


@dataclass(frozen=True)
class FeetConfig:
    """Settings of what the feet's keypoints say of a mask. Lengths in heights are fractions of the person's height."""

    min_confidence: float = 0.5
    """Feet count if the best of their points has more confidence than this. Chosen by hand."""
    radius: float = 0.008
    """Half-thickness of the bones that are drawn inside the feet, in heights. Chosen by hand."""
    half_width: float = 0.025
    """Half of a foot's width, in heights. Chosen by hand."""
    reach: float = 0.035
    """A foot and its reflection are no further aside of toe and heel than this, in heights. Chosen by hand."""
    lifted: float = 0.12
    """A foot that is so much higher than the other, in heights, is lifted: below it there may be the person. Chosen by
    hand."""


DEFAULT_FEET = FeetConfig()


def lowest_of_feet(keypoints: Points, min_confidence: float) -> float | None:
    """Return the row of the lowest of toes and heels; ``None`` if one of them is unseen, or none is seen well.

    Args:
        keypoints: BODY_25 points. [25, 3]
        min_confidence: of the best of them; those of the far foot are often hidden.
    """
    feet = keypoints[FEET, :]
    seen = feet[:, 2].min() > MIN_CONFIDENCE and feet[:, 2].max() > min_confidence
    return float(feet[:, 1].max()) if seen else None


def in_crop(keypoints: Points, box: Box, size: tuple[int, int]) -> Points:
    """Return keypoints in the pixels of a crop that is resized to a size (width, height). [K, 3]"""
    rows, columns = box
    scale = np.array(size) / (columns.stop - columns.start, rows.stop - rows.start)
    places = (keypoints[:, :2] - (columns.start, rows.start)) * scale
    return np.column_stack([places, keypoints[:, 2]]).astype(np.float32)


def draw_feet(points: Points, size: tuple[int, int], height: float, config: FeetConfig = DEFAULT_FEET) -> Mask:
    """Draw the bones of visible feet.

    Args:
        points: BODY_25 points in pixels. [25, 3]
        size: width and height of the picture, in pixels.
        height: of the person, in pixels.
        config: settings.

    Returns:
        True on the bones. [h, w]
    """
    return _draw(FOOT_BONES, points, size, height, config)


def draw_body(points: Points, size: tuple[int, int], height: float, config: FeetConfig = DEFAULT_FEET) -> Mask:
    """Draw the bones of the visible trunk and limbs, like :func:`draw_feet`. [h, w]"""
    return _draw(BODY_BONES, points, size, height, config)


def _draw(
    bones: Sequence[tuple[int, int]], points: Points, size: tuple[int, int], height: float, config: FeetConfig
) -> Mask:
    drawn = np.zeros(size[::-1], np.uint8)
    places = np.round(points[:, :2]).astype(int)
    thickness = max(1, round(2 * config.radius * height))
    for a, b in bones:
        if min(points[a, 2], points[b, 2]) > config.min_confidence:
            cv2.line(drawn, places[a].tolist(), places[b].tolist(), 1, thickness)
    return np.asarray(drawn > 0)


def depth_below_feet(
    points: Points, size: tuple[int, int], height: float, config: FeetConfig = DEFAULT_FEET
) -> NDArray[np.float32]:
    """Return how far each pixel is below the line from heel to toe of the foot in its column, in heights.

    Args:
        points: BODY_25 points in pixels. [25, 3]
        size: width and height of the picture, in pixels.
        height: of the person, in pixels.
        config: settings.

    Returns:
        Positive below, negative above, and -inf in columns without a standing foot. [h, w]
    """
    columns = np.arange(size[0], dtype=np.float64)
    lowest = max((float(points[list(foot), 1].max()) for foot in EACH_FOOT if _seen(points, foot, config)), default=0.0)
    line = np.full(size[0], -np.inf)
    for foot in EACH_FOOT:
        ends = points[sorted(foot, key=lambda i: points[i, 0]), :2].astype(np.float64)
        if not _seen(points, foot, config) or ends[:, 1].max() < lowest - config.lifted * height:
            continue
        wide = config.half_width * height
        around = [np.interp(columns + shift, ends[:, 0], ends[:, 1]) for shift in (-wide, 0.0, wide)]
        here = (columns > ends[0, 0] - config.reach * height) & (columns < ends[1, 0] + config.reach * height)
        line = np.maximum(line, np.where(here, np.max(around, axis=0), -np.inf))
    line[np.isinf(line)] = np.inf
    return np.asarray((np.arange(size[1])[:, None] - line) / height, np.float32)


def _seen(points: Points, foot: tuple[int, int], config: FeetConfig) -> bool:
    confidence = points[list(foot), 2]
    return bool(confidence.min() > MIN_CONFIDENCE and confidence.max() > config.min_confidence)
