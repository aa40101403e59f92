"""Finding everybody in every frame of a clip, and telling them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from fit_avatar.capture.blazepose import PoseEstimator, Region
from fit_avatar.capture.blazepose.pose import Pose
from fit_avatar.capture.blazepose.same_person import SAME_PLACE, apart_from, distance, same_pose, without
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.linking import DEFAULT_LINKING, LinkingConfig, Sighting, apart, link
from fit_avatar.capture.looks import looks_of
from fit_avatar.capture.mediapipe_pose import to_body_25
from fit_avatar.capture.person import is_person
from fit_avatar.capture.points import People, Points
from fit_avatar.capture.types import Image, Progress

STEP = "Telling people apart"
MOST_PEOPLE = 6
"""So many people are looked for in a frame. Chosen by hand."""
MEMORY = 15
"""Whoever is not found any more is looked for in the same place for so many frames. Chosen by hand."""
BEHIND = 5
"""In every so many frames people are also looked for behind those who are found: the search sees only one of two who
overlap. Measured on benchmarks/people_scenes.py, "one behind the other": without, the one behind is found in no frame.
"""
CLOSE = 0.5
"""Regions whose centres are nearer than this, in sides of the larger, hold parts of both people. Chosen by hand."""
SAME = 0.12
"""Two people whose points are nearer than this on average, in body sizes, are one who was found twice. Chosen by hand.
"""


class Finder(Protocol):
    """Finds people in one frame after the other."""

    def __call__(self, index: int, frame: Image) -> Sequence[Points]:
        """Return everybody in a BGR frame [H, W, 3]. [25 or 137, 3] each"""


@dataclass
class BuiltIn:
    """The built-in detector: whoever it finds, and whoever is where somebody was in the frames before."""

    estimator: PoseEstimator
    _before: list[tuple[Region, int]] = field(default_factory=list, init=False)
    """Where people were, and the frames for which they have not been found there by the search."""
    _last: list[Pose] = field(default_factory=list, init=False)
    """Everybody in the frame before."""
    _looked: int = field(default=0, init=False)
    """How many frames were looked at."""

    @classmethod
    def of(cls, pose_model: Path | None = None) -> BuiltIn:
        """Load the models; ``pose_model`` is a file to take instead of the package's model of landmarks."""
        return cls(PoseEstimator(landmark_model=pose_model))

    def __call__(self, index: int, frame: Image) -> Sequence[Points]:
        """Return everybody in a BGR frame [H, W, 3]. [25, 3] each"""
        found = self._beside_others(frame)
        for region in self.estimator.find_people(frame, MOST_PEOPLE):
            self._look(frame, region, found)
        lost = [each for each in self._before if not self._look(frame, each[0], found)]
        behind = self._looked % BEHIND == 0
        self._looked += 1
        if (lost or behind) and found:  # who is hidden may be found once those in front are out of the way
            painted = without(frame, found)
            for region in self.estimator.find_people(painted, MOST_PEOPLE):
                self._look(painted, region, found)
        self._last = found
        self._before = [(pose.next_region, 0) for pose in found]
        self._before += [(region, missed + 1) for region, missed in lost if missed < MEMORY]
        height, width = frame.shape[:2]
        return [to_body_25(pose.landmarks, width, height) for pose in found]

    def _beside_others(self, frame: Image) -> list[Pose]:
        """Return people who were close to others in the frame before, each seen without these: models mix them up."""
        found: list[Pose] = []
        for before in self._last:
            close = [other for other in self._last if other is not before and _close(before, other)]
            pose = self.estimator.estimate(apart_from(frame, before, close), before.next_region) if close else None
            if pose is not None and not any(same_pose(pose, other) for other in found):
                found.append(pose)
        return found

    def _look(self, frame: Image, region: Region, found: list[Pose]) -> bool:
        """Add who is in a region, seen without those close by who are found; return whether it is one of these."""
        if any(distance(region, pose.next_region) < SAME_PLACE for pose in found):
            return True
        pose = self.estimator.estimate(frame, region)
        if pose is not None and (close := [other for other in found if _close(pose, other)]):
            pose = self.estimator.estimate(without(frame, close), region)
        if pose is None or any(same_pose(pose, other) for other in found):
            return False
        found.append(pose)
        return True


def _close(a: Pose, b: Pose) -> bool:
    """Return whether the regions around two people hold parts of both."""
    return distance(a.next_region, b.next_region) < CLOSE


def known(people: Mapping[int, People], detect: Callable[[Image], People] | None = None) -> Finder:
    """Return what finds people who are known already, and detects those of other frames.

    Args:
        people: frame index → everybody in the frame. [P, 137, 3]
        detect: finds everybody in a BGR frame [H, W, 3]; ``None``: nobody is in the other frames.
    """

    def find(index: int, frame: Image) -> Sequence[Points]:
        if detect is None or index in people:
            return list(people.get(index, ()))
        return list(detect(frame))

    return find


def find_cast(
    frames: Iterable[tuple[int, Image]],
    find: Finder,
    count: int,
    progress: Progress | None = None,
    config: LinkingConfig = DEFAULT_LINKING,
) -> Cast:
    """Find everybody in frames of a clip and tell them apart; people who are seen too seldom or too small are no part.

    Args:
        frames: index and BGR picture [H, W, 3], in temporal order.
        find: finds people in one frame after the other.
        count: of the frames, for the progress.
        progress: called with (step, done, total).
        config: settings.
    """
    everybody: dict[int, list[Sighting]] = {}
    for index, frame in frames:
        here = distinct([points for points in find(index, frame) if is_person(points)])
        everybody[index] = [Sighting(index, points, looks_of(frame, points)) for points in here]
        if progress is not None:
            progress(STEP, len(everybody), max(count, len(everybody)))
    people = link(everybody, config)
    return Cast.of(list(everybody), [{i: sighting.points for i, sighting in one.items()} for one in people])


def distinct(people: Sequence[Points]) -> list[Points]:
    """Return people without those who are found a second time. [25 or 137, 3] each"""
    kept: list[Points] = []
    for points in people:
        if all(apart(points, other, np.zeros(2, np.float32)) > SAME for other in kept):
            kept.append(points)
    return kept


def several(people: Mapping[int, People], least: int = 2) -> bool:
    """Return whether at least so many frames show more than one person. Frame index → everybody [P, 137, 3]"""
    crowded = (index for index, all_ in people.items() if len(distinct([p for p in all_ if is_person(p)])) > 1)
    return sum(1 for _ in zip(crowded, range(least), strict=False)) >= least
