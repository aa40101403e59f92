"""A second look where the person detector took a part of a person for the whole.

Where a long dress or a coat hides the legs, it may find only what is above the hem. The landmarks then end there, and
so does the mask. The frames before say how large the person is, and where below the head.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.blazepose.pose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.region import Region

HEAD, BODY = slice(0, 11), slice(11, 33)
"""The pose's landmarks of the head, and all others."""


@dataclass(frozen=True)
class SecondLookConfig:
    """When a person is looked at again, and when that is believed. Sides are relative to those of the frames before."""

    frames: int = 9
    """So many frames are remembered. Chosen by hand."""
    shrunk: float = 0.93
    """Less than this as the side of the region that follows from the landmarks is doubtful, …"""
    narrow: float = 0.9
    """… and so is less than this as the side of the region that was looked at. Both chosen on turns of eight people: a
    dress and a long dress have down to 0.66 and 0.63, others hardly ever less than these."""
    gain: float = 0.8
    """The second look is believed if the sum of the 22 visibilities of the body is larger by this. Where legs had been
    lost, it was by 1 to 5, and in the turns of eight people whose legs are seen by 0.6 at most."""


DEFAULT_SECOND_LOOK = SecondLookConfig()


@dataclass
class SecondLook:
    """Remembers how large a person was in the last frames, and looks again at where they seem to have shrunk."""

    config: SecondLookConfig = DEFAULT_SECOND_LOOK
    _before: deque[Pose] = field(default_factory=deque, init=False)

    def at(self, picture: NDArray[np.uint8], pose: Pose, estimator: PoseEstimator) -> Pose:
        """Return the better of the pose in the next BGR picture [H, W, 3] and of what a second look at it shows."""
        side = self._side()
        doubtful = side is not None and (
            pose.next_region.side < self.config.shrunk * side or pose.region.side < self.config.narrow * side
        )
        if side is not None and doubtful:
            again = estimator.estimate(picture, self._expected(pose, side))
            if again is not None and _visibility(again) > _visibility(pose) + self.config.gain:
                pose = again
        self._before.append(pose)
        if len(self._before) > self.config.frames:
            self._before.popleft()
        return pose

    def _side(self) -> float | None:
        """Return the side of a region around the whole person, by the frames before; None if there are none."""
        if not self._before:
            return None
        return float(np.quantile([pose.next_region.side for pose in self._before], 0.75))

    def _expected(self, pose: Pose, side: float) -> Region:
        """Return an upright region of some side around the person whose head a pose shows."""
        away = np.median([_below_head(earlier) for earlier in self._before], axis=0)
        x, y = pose.landmarks[HEAD, :2].mean(0) + away
        return Region(float(x), float(y), side)


def _below_head(pose: Pose) -> NDArray[np.float64]:
    """Return the way from the head to the middle of the region that follows from the landmarks, in pixels. [2]"""
    region = pose.next_region
    return np.asarray((region.x, region.y) - pose.landmarks[HEAD, :2].mean(0), np.float64)


def _visibility(pose: Pose) -> float:
    return float(pose.landmarks[BODY, 3].sum())
