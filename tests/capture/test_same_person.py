from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

from fit_avatar.capture.blazepose import Region, ssd
from fit_avatar.capture.blazepose.pose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.same_person import SamePerson

PICTURE = np.zeros((4, 4, 3), np.uint8)


@dataclass
class Estimator:
    """Sees who stands where, the most certain first; whom it does not find is seen only where one looks."""

    people: list[tuple[float, float]]  # place and size
    unfound: tuple[float, float] | None = None

    def find_people(self, picture: Any, most: int) -> list[Region]:
        return [Region(x, 50.0, side) for x, side in self.people][:most]

    def estimate(self, picture: Any, region: Region) -> Pose | None:
        everybody = [*self.people, *([self.unfound] if self.unfound else [])]
        near = [p for p in everybody if abs(p[0] - region.x) < 20.0]
        if not near:
            return None
        there = Region(near[0][0], 50.0, near[0][1])
        empty = np.zeros((1, 1), np.float32)
        return Pose(np.zeros((33, 4), np.float32), empty, empty, region, there)


def places(*frames: Estimator) -> list[float]:
    keeper = SamePerson(cast(PoseEstimator, frames[0]))
    found = []
    for frame in frames:
        keeper.estimator = cast(PoseEstimator, frame)
        pose = keeper.find(PICTURE)
        assert pose is not None
        found.append(pose.next_region.x)
    return found


def test_the_largest_person_is_kept() -> None:
    behind = (200.0, 90.0)
    assert places(Estimator([behind, (100.0, 100.0)]), Estimator([behind, (105.0, 100.0)])) == [100.0, 105.0]


def test_somebody_larger_who_walks_by_changes_nothing() -> None:
    alone, larger = (100.0, 100.0), (190.0, 125.0)
    assert places(Estimator([alone]), Estimator([larger, alone]), Estimator([alone])) == [100.0, 100.0, 100.0]


def test_the_person_is_looked_for_where_they_were() -> None:
    two = Estimator([(100.0, 100.0), (200.0, 90.0)])
    assert places(two, Estimator([(220.0, 90.0)], unfound=(104.0, 100.0))) == [100.0, 104.0]


def test_a_single_person_may_go_anywhere() -> None:
    assert places(Estimator([(100.0, 100.0)]), Estimator([(300.0, 60.0)])) == [100.0, 300.0]


def test_everybody_else_is_told() -> None:
    keeper = SamePerson(cast(PoseEstimator, Estimator([(200.0, 90.0), (100.0, 100.0), (101.0, 100.0)])))
    keeper.find(PICTURE)
    assert [pose.next_region.x for pose in keeper.beside] == [200.0]


def test_people_are_told_apart_by_their_hips() -> None:
    boxes, logits = np.zeros((2254, 12), np.float32), np.full(2254, -200.0, np.float32)
    boxes[:, 2:4], boxes[:, 7] = 50.0, -60.0  # the circle's top is 60 px above the hips
    logits[[0, 1, 40, 2253]] = 3.0, 2.0, 1.0, 0.5
    boxes[1, 2:4] = 1.0  # the same hips in a box that hardly overlaps
    found = ssd.all_detections(boxes, logits, 0.5, 0.3, 5)
    assert [points[0, 0] for points in found] == pytest.approx([0.5 / 28, 20.5 / 28, 6.5 / 7])
    assert len(ssd.all_detections(boxes, logits, 0.5, 0.3, 2)) == 2
