"""Corners of the scene outside the person, followed from one picture to another.

Corners of Shi and Tomasi ("Good Features to Track", CVPR 1994) are followed in coarse to fine pictures as by Lucas and
Kanade (1981).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.types import Mask

Grey = NDArray[np.uint8]
Places = NDArray[np.float32]
"""Places in a picture, in pixels counted from its corner. [N, 2]"""
WINDOW_PX = 21
"""Side of the square around a corner that is found again. OpenCV's default, chosen by hand there."""
LEVELS, NEAR_LEVELS = 4, 1
"""Coarser pictures in which corners are searched, without and with a good guess of where they go. Chosen by hand."""


@dataclass(frozen=True)
class Scene:
    """One frame, and where the scene is seen in it."""

    grey: Grey  # [h, w]
    free: NDArray[np.uint8]  # [h, w] 255 away from the person

    @classmethod
    def of(cls, grey: Grey, person: Mask, margin: float, least_px: int = 0) -> Scene:
        """Return the scene around a person, whose mask may have any size.

        Args:
            grey: the picture. [h, w]
            person: the mask. [h', w']
            margin: how far from it the scene begins, as a fraction of the picture's longer side …
            least_px: … but at least so many pixels.
        """
        size = grey.shape[1::-1]
        mask = cv2.resize(person.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        reach = max(round(margin * max(size)), least_px)
        grown = cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8))
        return cls(grey, np.where(grown > 0, 0, 255).astype(np.uint8))


def find_corners(scene: Scene, free: NDArray[np.uint8], count: int) -> Places:
    """Return at most so many corners of a picture where it is free, found at half its size. [N, 2]"""
    allowed = np.ascontiguousarray(free[::2, ::2])
    corners = cv2.goodFeaturesToTrack(cv2.pyrDown(scene.grey), count, 0.01, 3.0, mask=allowed)
    if corners is None:
        return np.zeros((0, 2), np.float32)
    return 2.0 * np.asarray(corners, np.float32).reshape(-1, 2) + np.float32(0.5)


def follow(a: Scene, b: Scene, at: Places, start: Places | None = None) -> tuple[Places, Mask]:
    """Return where places of one picture are in another [N, 2], and which were found [N].

    Args:
        a: the picture of the places.
        b: the other picture.
        at: the places. [N, 2]
        start: where they are expected to within a few pixels; None: they are searched in coarser pictures first. [N, 2]
    """
    levels = LEVELS if start is None else NEAR_LEVELS
    return follow_from(a, b, at, at if start is None else start, levels)


def follow_from(a: Scene, b: Scene, at: Places, start: Places, levels: int) -> tuple[Places, Mask]:
    """Return the same as :func:`follow`, with the number of coarser pictures as it is given."""
    if not len(at):
        return at, np.zeros(0, bool)
    before, guess = (np.ascontiguousarray(p - 0.5, np.float32).reshape(-1, 1, 2) for p in (at, start))
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        a.grey,
        b.grey,
        before,
        guess,
        winSize=(WINDOW_PX, WINDOW_PX),
        maxLevel=levels,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(found, np.float32).reshape(-1, 2) + np.float32(0.5), status.ravel() > 0


def error_ratio(a: Scene, b: Scene, move: NDArray[np.floating]) -> float:
    """Return how much less a scene differs from a later picture if it is moved, as a fraction: 1 if that is no help.

    Corners alone mislead before a plain wall, where they are those of shadows.

    Args:
        a: earlier picture.
        b: later picture, of the same size.
        move: homography from the earlier to the later picture. [3, 3]
    """
    size = b.grey.shape[1::-1]
    moved = cv2.warpPerspective(a.grey, move, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpPerspective(a.free, move, size, flags=cv2.INTER_NEAREST)
    both = inside & a.free & b.free
    if not both.any():
        return 1.0
    still, after = (cv2.mean(cv2.absdiff(grey, b.grey), both)[0] for grey in (a.grey, moved))
    return after / still if still > 0 else 1.0
