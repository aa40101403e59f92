"""What the models of face and hands have in common: a region, points and a score, and following them over frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.region import Region


@dataclass(frozen=True)
class Part:
    """A face or a hand in a picture."""

    points: NDArray[np.float32]
    """In pixels of the picture. [N, 2]"""
    score: float
    """Probability that the part is there, 0 to 1."""
    region: Region
    """Where the model looked."""
    next_region: Region
    """Where the part is likely to be in the next frame."""


@dataclass(frozen=True)
class Following:
    """How far a region may be from the one that the frame before predicts for that to be taken instead.

    The prediction comes from many points and is steadier, but it is late if the part moves.
    """

    max_turn: float
    """In radians."""
    max_shift: float
    """Along either side, in sides of the region."""
    max_growth: float
    """Difference of the sides, in sides of the region."""
    margin: float
    """All points of the frame before lie inside the region by at least this fraction of its side."""


def followed(found: Region, before: Part | None, limits: Following) -> Region:
    """Return the region that the frame before predicts if it agrees with the one that was found, else that."""
    if before is None:
        return found
    predicted = before.next_region
    turn = math.remainder(predicted.angle - found.angle, 2.0 * math.pi)
    shift = found.of_picture(np.array([predicted.x, predicted.y])) - 0.5
    inside = found.of_picture(before.points.astype(np.float64))
    agree = (
        abs(turn) <= limits.max_turn
        and float(np.abs(shift).max()) <= limits.max_shift
        and abs(predicted.side - found.side) <= limits.max_growth * found.side
        and float(inside.min()) > limits.margin
        and float(inside.max()) < 1.0 - limits.margin
    )
    return predicted if agree else found


def points_of(values: NDArray[np.float32], region: Region, size: int) -> NDArray[np.float32]:
    """Return the points of a model's output (x, y, depth, …) in pixels of its input, in the picture. [N, 2]"""
    return region.to_picture(values.reshape(-1, 3)[:, :2].astype(np.float64) / size).astype(np.float32)
