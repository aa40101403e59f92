"""Keeping to one person in frames that show several: the largest, and the one of the frame before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.pose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.region import Region
from fit_avatar.capture.blazepose.second_look import SecondLook

MOST_PEOPLE = 3
"""So many people are looked at in a frame. Chosen by hand."""
SAME_PLACE = 0.1
"""Two poses whose hips are nearer, in sides of their regions, show the same person. Chosen by hand."""
STAYED = 0.25
"""Whoever is nearer to where the person was, in sides of the region, may be the person … Chosen by hand."""
STAYED_SIZE = 1.3
"""… and then counts as so many times larger. Chosen by hand."""


SAME_POINTS = 0.04
"""Two poses whose landmarks are nearer on average, in sides of their regions, show the same person. Measured on
benchmarks/people_scenes.py: the same person is up to 0.025 away, somebody half hidden at least 0.06."""
TORSO_AND_LEGS = (11, 12, 23, 24, 25, 26)
"""Landmarks that are compared: shoulders, hips and knees."""
COARSE = 8
"""Whom others hide is looked for where these are painted over with colours around them, blurred at 1/8. By hand."""


@dataclass
class SamePerson:
    """Finds the same person in frame after frame."""

    estimator: PoseEstimator
    others: bool = False
    """Whether any frame showed somebody else, too."""
    beside: list[Pose] = field(default_factory=list, init=False)
    """Everybody else in the last frame."""
    _last: Region | None = field(default=None, init=False)
    _again: SecondLook = field(default_factory=SecondLook, init=False)

    def find(self, picture: NDArray[np.uint8]) -> Pose | None:
        """Estimate the pose of the person in a BGR picture [H, W, 3]; ``None`` if there is nobody."""
        return self.choose(picture, self.everybody(picture))

    def everybody(self, picture: NDArray[np.uint8]) -> list[Pose]:
        """Estimate the poses of all people in a BGR picture [H, W, 3]; it does not matter in what order of frames."""
        poses = list[Pose]()
        for region in self.estimator.find_people(picture, MOST_PEOPLE):
            self._add(self.estimator.estimate(picture, region), poses)
        return poses

    def choose(self, picture: NDArray[np.uint8], poses: list[Pose]) -> Pose | None:
        """Choose the person among :meth:`everybody` in the next BGR picture [H, W, 3]; ``None`` if there is nobody."""
        self.others |= len(poses) > 1
        if self.others and self._last is not None and not any(map(self._stayed, poses)):
            self._add(self.estimator.estimate(picture, self._last), poses)
        self.beside = []
        if not poses:
            return None
        chosen = max(poses, key=self._size)
        self.beside = [pose for pose in poses if pose is not chosen]
        if not self.others:
            chosen = self._again.at(picture, chosen, self.estimator)
        self._last = chosen.next_region
        return chosen

    def _add(self, pose: Pose | None, poses: list[Pose]) -> None:
        """Add a pose, unless it shows one of those who are there already."""
        if pose is not None and all(distance(pose.next_region, p.next_region) > SAME_PLACE for p in poses):
            poses.append(pose)

    def _stayed(self, pose: Pose) -> bool:
        return self._last is not None and distance(pose.next_region, self._last) < STAYED

    def _size(self, pose: Pose) -> float:
        return pose.next_region.side * (STAYED_SIZE if self._stayed(pose) else 1.0)


def distance(a: Region, b: Region) -> float:
    """Return the distance of two regions' centres in sides of the larger."""
    return float(np.hypot(a.x - b.x, a.y - b.y)) / max(a.side, b.side, 1.0)


def same_pose(a: Pose, b: Pose) -> bool:
    """Return whether two poses show the same person, by shoulders, hips and knees."""
    points = list(TORSO_AND_LEGS)
    away = np.linalg.norm(a.landmarks[points, :2] - b.landmarks[points, :2], axis=1).mean()
    return bool(away < SAME_POINTS * max(a.next_region.side, b.next_region.side))


def apart_from(
    picture: NDArray[np.uint8], own: Pose, people: Sequence[Pose], behind: bool = False
) -> NDArray[np.uint8]:
    """Return a BGR picture [H, W, 3] in which other people are painted over, but not where one is seen themselves.

    ``behind``: they are known to be behind, so that whatever seems to be both is the own.
    """
    height, width = picture.shape[:2]
    mine = own.probability(height, width, 1.0)
    seen = mine > 0.5
    for other in () if behind else people:
        seen &= mine > other.probability(height, width, 1.0)
    kept = cv2.dilate(seen.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return np.asarray(np.where(kept[..., None], picture, without(picture, people)), np.uint8)


def without(picture: NDArray[np.uint8], people: Sequence[Pose], inverse: bool = False) -> NDArray[np.uint8]:
    """Return a BGR picture [H, W, 3] in which people are painted over with the colours around them, or the inverse."""
    height, width = picture.shape[:2]
    hidden = np.maximum.reduce([pose.probability(height, width, 1.0) for pose in people]) > 0.5
    small = max(width // COARSE, 1), max(height // COARSE, 1)
    hidden = cv2.dilate(hidden.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    free = cv2.resize((~hidden).astype(np.float32), small, interpolation=cv2.INTER_AREA)
    colours = cv2.resize(picture.astype(np.float32) * ~hidden[..., None], small, interpolation=cv2.INTER_AREA)
    sigma = max(small) / 16
    blurred = cv2.GaussianBlur(colours, (0, 0), sigma) / (cv2.GaussianBlur(free, (0, 0), sigma)[..., None] + 1e-3)
    around = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    around = 255.0 - around if inverse else around
    return np.asarray(np.where(hidden[..., None], around.clip(0, 255), picture), np.uint8)
