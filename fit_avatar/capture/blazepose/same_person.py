"""Keeping to one person in frames that show several: the largest, and the one of the frame before."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.pose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.region import Region

MOST_PEOPLE = 3
"""So many people are looked at in a frame. Chosen by hand."""
SAME_PLACE = 0.1
"""Two poses whose hips are nearer, in sides of their regions, show the same person. Chosen by hand."""
STAYED = 0.25
"""Whoever is nearer to where the person was, in sides of the region, may be the person … Chosen by hand."""
STAYED_SIZE = 1.3
"""… and then counts as so many times larger. Chosen by hand."""


@dataclass
class SamePerson:
    """Finds the same person in frame after frame."""

    estimator: PoseEstimator
    others: bool = False
    """Whether any frame showed somebody else, too."""
    beside: list[Pose] = field(default_factory=list, init=False)
    """Everybody else in the last frame."""
    _last: Region | None = field(default=None, init=False)

    def find(self, picture: NDArray[np.uint8]) -> Pose | None:
        """Estimate the pose of the person in a BGR picture [H, W, 3]; ``None`` if there is nobody."""
        poses = list[Pose]()
        for region in self.estimator.find_people(picture, MOST_PEOPLE):
            self._add(self.estimator.estimate(picture, region), poses)
        self.others |= len(poses) > 1
        if self.others and self._last is not None and not any(map(self._stayed, poses)):
            self._add(self.estimator.estimate(picture, self._last), poses)
        self.beside = []
        if not poses:
            return None
        chosen = max(poses, key=self._size)
        self.beside = [pose for pose in poses if pose is not chosen]
        self._last = chosen.next_region
        return chosen

    def _add(self, pose: Pose | None, poses: list[Pose]) -> None:
        """Add a pose, unless it shows one of those who are there already."""
        if pose is not None and all(_distance(pose.next_region, p.next_region) > SAME_PLACE for p in poses):
            poses.append(pose)

    def _stayed(self, pose: Pose) -> bool:
        return self._last is not None and _distance(pose.next_region, self._last) < STAYED

    def _size(self, pose: Pose) -> float:
        return pose.next_region.side * (STAYED_SIZE if self._stayed(pose) else 1.0)


def _distance(a: Region, b: Region) -> float:
    """Return the distance of two regions' centres in sides of the larger."""
    return float(np.hypot(a.x - b.x, a.y - b.y)) / max(a.side, b.side, 1.0)
