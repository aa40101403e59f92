"""A detector that takes a part of a person for the whole is made to look again where the whole person was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from fit_avatar.capture.blazepose import Region
from fit_avatar.capture.blazepose.pose import Pose, PoseEstimator
from fit_avatar.capture.blazepose.second_look import SecondLook

PICTURE = np.zeros((4, 4, 3), np.uint8)
HEAD = np.array([100.0, 20.0])


def pose_in(region: Region, around: Region, visible: float, head: np.ndarray[Any, Any] = HEAD) -> Pose:
    """Return a pose whose head is somewhere and of whose body some is visible."""
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[:11, :2], landmarks[11:, 3] = head, visible
    empty = np.zeros((1, 1), np.float32)
    return Pose(landmarks, empty, empty, region, around)


@dataclass
class Estimator:
    """Sees the whole person in regions that are large enough, and notes where it has looked."""

    visible: float
    looked: list[Region] = field(default_factory=list)

    def estimate(self, picture: Any, region: Region) -> Pose | None:
        self.looked.append(region)
        return None if self.visible == 0.0 else pose_in(region, region, self.visible)


def after(whole: int, part: Pose, estimator: Estimator) -> Pose:
    """Return what is believed of a pose after some frames that showed the whole person, 100 px below the head."""
    look = SecondLook()
    around = Region(100.0, 120.0, 400.0)
    for _ in range(whole):
        look.at(PICTURE, pose_in(around, around, 0.9), cast(PoseEstimator, estimator))
    return look.at(PICTURE, part, cast(PoseEstimator, estimator))


CUT = pose_in(Region(110.0, 90.0, 300.0), Region(110.0, 95.0, 310.0), 0.5, HEAD + (12.0, 5.0))


def test_who_shrinks_is_looked_at_again_below_the_head_at_the_size_of_before() -> None:
    estimator = Estimator(0.8)
    region = after(4, CUT, estimator).region
    assert (region.x, region.y, region.side, region.angle) == pytest.approx((112.0, 125.0, 400.0, 0.0))
    assert len(estimator.looked) == 1


@pytest.mark.parametrize("visible", [0.0, 0.51])
def test_a_second_look_that_shows_no_more_is_not_believed(visible: float) -> None:
    estimator = Estimator(visible)
    assert after(4, CUT, estimator) is CUT
    assert len(estimator.looked) == 1


def test_whoever_keeps_their_size_is_not_looked_at_again() -> None:
    estimator = Estimator(0.8)
    same = pose_in(Region(100.0, 120.0, 380.0), Region(100.0, 120.0, 390.0), 0.5)
    assert after(4, same, estimator) is same
    assert after(0, CUT, estimator) is CUT  # nothing is known of the first frame
    assert not estimator.looked


def test_a_region_that_was_too_narrow_is_doubted_though_its_landmarks_reach_further() -> None:
    narrow = pose_in(Region(100.0, 100.0, 340.0), Region(100.0, 120.0, 395.0), 0.5)
    assert after(4, narrow, Estimator(0.8)).region.side == pytest.approx(400.0)


def test_who_crouches_for_long_is_not_doubted_any_more() -> None:
    look, estimator = SecondLook(), Estimator(0.0)
    standing, crouching = Region(100.0, 120.0, 400.0), Region(100.0, 160.0, 250.0)
    for region in [standing] * 9 + [crouching] * 30:
        look.at(PICTURE, pose_in(region, region, 0.9), cast(PoseEstimator, estimator))
    assert len(estimator.looked) == 7  # until a quarter of what is remembered is larger
