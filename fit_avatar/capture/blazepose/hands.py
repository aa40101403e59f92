"""The 21 points of each hand (Zhang et al. 2020), where the pose says that the hands are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.models import HAND_LANDMARKS, HAND_REGION, Model
from fit_avatar.capture.blazepose.part import Following, Part, followed, points_of
from fit_avatar.capture.blazepose.region import Region
from fit_avatar.io.threads import in_threads

INPUT, REGION_INPUT = 224, 256
"""Sides of the models' inputs, in pixels."""
POSE_HANDS = ((15, 17, 19), (16, 18, 20))
"""The pose's landmarks of wrist, little finger and index finger, of the left and of the right hand."""
POSE_SCALE = 2.0 * 2.7
"""Side of the first region per distance from the wrist to the middle finger's base; MediaPipe's value."""
RISE = 0.1
"""By how much a region is moved towards the finger tips; MediaPipe's value."""
PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""The hand's points that tell where the hand is in the next frame."""
NEXT_SCALE = 2.0
"""Side of that region per longer side of the box around these points; MediaPipe's value."""


@dataclass(frozen=True)
class HandConfig:
    """Settings of the hands' estimator."""

    min_wrist: float = 0.1
    """Visibility of the pose's wrist above which a hand is looked for; MediaPipe's value."""
    min_presence: float = 0.5
    """Probability of a hand in the region above which points are returned; MediaPipe's value."""
    min_side_px: float = 24.0
    """A smaller region around the hand (about three times as long) is not looked at. Chosen by hand."""
    same_place: float = 0.3
    """Two hands whose points are nearer to each other than this, in diameters of the palm, are one hand: that of the
    wrist that the pose sees better. Chosen by hand."""
    following: Following = Following(math.radians(40.0), 0.2, 0.4, 0.05)  # noqa: RUF009
    """When the region follows from the frame before. MediaPipe's values."""


DEFAULT_HANDS = HandConfig()
Hands = tuple[Part | None, Part | None]
"""The left and the right hand; ``None`` where it is not seen."""


class HandEstimator:
    """Finds the points of the hands of a person whose pose is known; it opens no connection.

    Raises:
        MissingDependencyError: LiteRT is not installed or does not load, or a model file is missing.
    """

    def __init__(self, config: HandConfig = DEFAULT_HANDS) -> None:
        """Load the models."""
        self.config = config
        self._region, self._landmarks = Model(HAND_REGION.path), Model(HAND_LANDMARKS.path)

    def estimate(self, picture: NDArray[np.uint8], pose: NDArray[np.float32], before: Hands = (None, None)) -> Hands:
        """Find the points of both hands in a BGR picture [H, W, 3].

        Args:
            picture: to look at.
            pose: the 33 landmarks (u, v, depth, visibility) of the person. [33, 4]
            before: the same person's hands in the frame before.
        """
        wanted = zip(POSE_HANDS, before, strict=True)
        left, right = in_threads(lambda one: self._hand(picture, pose[list(one[0])], one[1]), wanted)
        if left is not None and right is not None and _apart(left, right) < self.config.same_place:
            wrists = pose[[hand[0] for hand in POSE_HANDS], 3]
            return (left, None) if wrists[0] >= wrists[1] else (None, right)
        return left, right

    def _hand(self, picture: NDArray[np.uint8], pose: NDArray[np.float32], before: Part | None) -> Part | None:
        """Find a hand from the pose's wrist, little finger and index finger. [3, 4]"""
        config = self.config
        if pose[0, 3] < config.min_wrist:
            return None
        first = hand_region(pose[:, :2].astype(np.float64))
        if first.side < config.min_side_px:
            return None
        crop = first.crop(picture, REGION_INPUT, cv2.BORDER_REPLICATE)[..., ::-1]
        (values,) = self._region(crop.astype(np.float32) / 255.0)
        centre, below = first.to_picture(values.reshape(2, 2).astype(np.float64) / REGION_INPUT)
        region = followed(_around(centre, centre - below), before, config.following)
        if region.side < config.min_side_px / 2.0:
            return None
        crop = region.crop(picture, INPUT, cv2.BORDER_REPLICATE)[..., ::-1]
        values, presence, _, _ = self._landmarks(crop.astype(np.float32) / 255.0)
        score = float(presence.item())
        if score < config.min_presence:
            return None
        points = points_of(values, region, INPUT)
        palm = points[list(PALM)].astype(np.float64)
        return Part(points, score, region, Region.enclosing(palm, _along(points), NEXT_SCALE, RISE))


def hand_region(pose: NDArray[np.float64]) -> Region:
    """Return the square around the hand whose wrist, little finger and index finger the pose shows. [3, 2]"""
    wrist, little, index = pose
    middle = (2.0 * index + little) / 3.0
    x, y = middle - wrist
    return Region(float(middle[0]), float(middle[1]), POSE_SCALE * math.hypot(x, y), math.atan2(x, -y))


def _around(centre: NDArray[np.float64], up: NDArray[np.float64]) -> Region:
    """Return the square around a hand from its centre to half of the side upwards, moved towards the tips."""
    x, y = centre + 2.0 * RISE * up
    return Region(float(x), float(y), 2.0 * math.hypot(*up), math.atan2(up[0], -up[1]))


def _along(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the direction from the wrist to the bases of index, middle and ring finger. [2]"""
    return np.asarray(points[[5, 9, 9, 13]].mean(0) - points[0], np.float64)


def _apart(left: Part, right: Part) -> float:
    """Return the median distance between two hands' points, in diameters of the palm."""
    palm = max(float(np.ptp(hand.points[list(PALM)], axis=0).max()) for hand in (left, right))
    return float(np.median(np.linalg.norm(left.points - right.points, axis=1)) / max(palm, 1e-6))
