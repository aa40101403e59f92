"""Whether the floor below the person's feet shines, so that it shows them a second time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fit_avatar.capture.background import Background
from fit_avatar.capture.feet import DEFAULT_FEET, FEET, FeetConfig, depth_below_feet, in_crop
from fit_avatar.capture.person import body_size
from fit_avatar.capture.points import Points
from fit_avatar.capture.types import Image


@dataclass(frozen=True)
class FloorConfig:
    """Settings of the test for a shining floor. Lengths in heights are fractions of the person's height."""

    depths: tuple[float, float] = (0.05, 0.12)
    """Depths below the line from heel to toe, in heights, between which there is only floor. Chosen by hand."""
    sigmas: float = 3.5
    """Distance from the clean plate, in standard deviations, from which a pixel there is a reflection. Chosen by
    hand."""
    min_fraction: float = 0.02
    """The floor shines if, in half of the frames, more than this fraction of the pixels there are reflections: 0.03
    and 0.11 on floors that mirror one half, 0.00 on all others. Measured on benchmarks/masks.py."""
    min_pixels: int = 50
    """A frame counts if so many pixels there can be compared. Chosen by hand."""


DEFAULT_FLOOR = FloorConfig()


def floor_shines(
    background: Background,
    frames: Sequence[tuple[Image, Points]],
    config: FloorConfig = DEFAULT_FLOOR,
    feet: FeetConfig = DEFAULT_FEET,
) -> bool:
    """Decide whether the floor reflects the person: below the feet it differs from the clean plate in more than light.

    Args:
        background: the clean plate.
        frames: BGR frames [H, W, 3], each with BODY_25 points [25, 3].
        config: settings.
        feet: settings of the feet.
    """
    fractions = [
        f for frame, points in frames if (f := _reflections(background, frame, points, config, feet)) is not None
    ]
    return bool(fractions and np.median(fractions) > config.min_fraction)


def _reflections(
    background: Background, frame: Image, points: Points, config: FloorConfig, feet: FeetConfig
) -> float | None:
    """Return which fraction of the floor below the feet is no floor; ``None`` if little of it is in the picture."""
    height, ends = body_size(points), points[list(FEET), :2]
    if height == 0.0 or points[list(FEET), 2].min() <= 0.0:
        return None
    low = np.floor(ends.min(0) - feet.reach * height).astype(int).clip(0)
    high = np.ceil(ends.max(0) + height * np.array([feet.reach, config.depths[1]])).astype(int)
    box = slice(low[1], min(high[1], frame.shape[0])), slice(low[0], min(high[0], frame.shape[1]))
    crop = frame[box]
    if not crop.size:
        return None
    size = crop.shape[1], crop.shape[0]
    below = depth_below_feet(in_crop(points, box, size), size, height, feet)
    compared = background.compare(crop, box)
    floor = compared.known & (below > config.depths[0]) & (below < config.depths[1])
    if floor.sum() < config.min_pixels:
        return None
    distance = compared.distance(np.ones(len(crop), np.float32))
    return float(((distance > config.sigmas) & ~compared.relit())[floor].mean())
