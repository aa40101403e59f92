"""Where everybody of a clip is in its pictures, found in them or not: what is behind is the scene."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.cast import LONGEST, Cast
from fit_avatar.capture.person import MIN_CONFIDENCE, body_size
from fit_avatar.capture.points import BODY
from fit_avatar.capture.types import Mask

AROUND = 0.12
"""People reach so far beyond their points, in body sizes: the head's top, hands, clothes, errors of the points. Chosen
by hand."""


def everybody(cast: Cast, index: int, size: tuple[int, int], shape: tuple[int, ...]) -> Mask:
    """Return where people are in a frame, generously: all between and around their points. [h, w]

    Whoever is not seen there, but not long before or after, is anywhere between these places.

    Args:
        cast: everybody.
        index: of the frame.
        size: width and height of the clip's frames, in whose pixels the points are.
        shape: of the mask: (h, w).
    """
    mask = np.zeros(shape[:2], np.uint8)
    scale = np.array([shape[1], shape[0]]) / size
    for places, reach in _places(cast, index):
        hull = cv2.convexHull((places * scale).round().astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 1)
        cv2.polylines(mask, [hull], True, 1, max(1, round(2 * reach * float(scale.mean()))))
    return np.asarray(mask > 0)


def _places(cast: Cast, index: int) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Yield each one's points in a frame [P, 2], and how far people reach beyond theirs."""
    for points, seen in zip(cast.points[:, :, BODY], cast.seen, strict=True):
        rows = np.flatnonzero(seen)
        before, after = rows[cast.frames[rows] <= index][-1:], rows[cast.frames[rows] >= index][:1]
        near = [row for row in (*before, *after) if abs(int(cast.frames[row]) - index) <= LONGEST]
        if near:
            some = np.concatenate([points[row] for row in dict.fromkeys(near)])
            reach = AROUND * max(body_size(points[row]) for row in near)
            yield some[some[:, 2] > MIN_CONFIDENCE, :2], reach
