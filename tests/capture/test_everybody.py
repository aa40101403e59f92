from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from cardboard import frame, person

from fit_avatar.capture.among import detect_among
from fit_avatar.capture.blazepose import PoseEstimator, Region
from fit_avatar.capture.blazepose.pose import Pose
from fit_avatar.capture.blazepose.same_person import apart_from, without
from fit_avatar.capture.everybody import BuiltIn, distinct, find_cast, known, several
from fit_avatar.capture.mediapipe_pose import to_body_25
from fit_avatar.capture.points import join_parts
from fit_avatar.capture.video import read_frames

CLIP = next((Path(__file__).parents[2] / "assets").glob("*.mp4"))


def pair(width: int = 400, height: int = 512) -> np.ndarray:
    return np.stack([join_parts(person(x, width, height)[1]) for x in (-100.0, 100.0)])


def test_people_found_twice_are_one() -> None:
    twice = np.concatenate([pair(), pair()[:1] + np.float32([5, 5, 0])])
    assert [p[8, 0] for p in distinct(list(twice))] == [100, 300]
    assert not several({0: pair(), 1: pair()[:1]}) and several({0: pair(), 4: pair()})
    assert not several({0: twice[[0, 2]], 1: twice[[0, 2]]})


def test_people_in_files_are_told_apart_and_others_detected() -> None:
    frames = [(t, frame(0.0, 400, 512)) for t in range(8)]
    seen: list[int] = []

    def detect(picture: np.ndarray) -> np.ndarray:
        seen.append(1)
        return pair()

    steps: list[tuple[str, int, int]] = []
    people = find_cast(frames, known({t: pair()[::-1] for t in range(5)}, detect), 8, lambda *s: steps.append(s))
    assert len(people) == 2 and people.seen.all() and len(seen) == 3
    assert np.ptp(people.points[:, :, 8, 0], axis=1).max() == 0
    assert steps[-1] == ("Telling people apart", 8, 8)
    assert find_cast(frames, known({0: pair()}), 8).seen.sum() == 0  # too seldom


def beside(clip: Path, frames: int) -> list[tuple[int, np.ndarray]]:
    """The bundled clip beside its own mirror image in other colours."""
    pictures = [picture for _, picture in read_frames(clip, range(frames))]
    return [(i, np.concatenate([p, p[:, ::-1, [1, 2, 0]]], axis=1)) for i, p in enumerate(pictures)]


def test_the_built_in_detector_finds_two_people() -> None:
    frames = beside(CLIP, 5)
    people = find_cast(frames, BuiltIn.of(), 5)
    width = frames[0][1].shape[1]
    hips = people.points[:, :, 8, 0]
    assert len(people) == 2 and people.seen.all()
    assert (hips.min(0) < width / 2).all() and (hips.max(0) > width / 2).all()
    assert np.allclose(hips.sum(0), width, atol=0.03 * width)
    own, other = people.points[:, 2]
    estimator = PoseEstimator()
    found = detect_among(estimator, frames[2][1], own, [(other, True)])
    assert found is not None and np.abs(found.keypoints[8, 0] - own[8, 0]) < 10
    half = found.probability.shape[1] // 2
    sides = [np.count_nonzero(p[:, :half] > 127) > np.count_nonzero(p[:, half:] > 127) for p in found_masks(found)]
    assert sides[0] is not sides[1]


def found_masks(found: Any) -> Sequence[np.ndarray]:
    return found.probability, found.others


@dataclass
class Painted:
    """Sees one person: the largest blob of a colour in the region, whose points are those of the cardboard figure."""

    def estimate(self, picture: np.ndarray, region: Region) -> Pose | None:
        best = None
        for colour in ((255, 0, 0), (0, 255, 0)):
            there = (picture == colour).all(-1)
            if there.sum() > 2000:
                x, y = np.argwhere(there).mean(0)[::-1]
                if abs(x - region.x) < 150 and best is None:
                    best = self._pose(there, float(x), float(y), region)
        return best

    def _pose(self, there: np.ndarray, x: float, y: float, region: Region) -> Pose:
        landmarks = np.full((33, 4), 0.9, np.float32)
        landmarks[:, 0] = x + np.linspace(-20, 20, 33)
        landmarks[:, 1] = np.linspace(y - 90, y + 90, 33)
        whole = Region.around(*there.shape)
        side = int(whole.side)
        square = cv2.copyMakeBorder(
            there.astype(np.float32), *[(side - there.shape[0]) // 2] * 2, *[(side - there.shape[1]) // 2] * 2,
            cv2.BORDER_CONSTANT,
        )  # fmt: skip
        mask = cv2.resize(square, (256, 256), interpolation=cv2.INTER_AREA)
        return Pose(landmarks, np.zeros((33, 3), np.float32), mask, whole, Region(x, y, 250.0))


def test_who_is_in_front_is_painted_over() -> None:
    picture = np.full((240, 320, 3), 90, np.uint8)
    picture[30:210, 100:180] = 255, 0, 0
    pose = Painted().estimate(picture, Region(140, 120, 250))
    assert pose is not None
    painted = without(picture, [pose])
    assert np.abs(painted.astype(int) - 90).max() < 30


def test_what_is_seen_of_one_stays_when_others_are_painted_over() -> None:
    picture = np.full((240, 320, 3), 90, np.uint8)
    picture[30:210, 100:180], picture[100:130, 100:280] = (255, 0, 0), (255, 0, 0)  # whose arm is before the other one
    own = Painted().estimate(picture, Region(140, 120, 250))
    other_picture = np.full((240, 320, 3), 90, np.uint8)
    other_picture[30:210, 200:280] = 0, 255, 0
    other = Painted().estimate(other_picture, Region(240, 120, 250))
    assert own is not None and other is not None
    both = np.where((other_picture == 90) | (picture != 90), picture, other_picture)
    kept = apart_from(both, own, [other], behind=True)
    assert (kept[40:200, 110:170] == both[40:200, 110:170]).all() and (kept[110:120, 205:270] == (255, 0, 0)).all()
    assert not (kept[150:200, 210:270] == (0, 255, 0)).all(-1).any()
    unsure = apart_from(both, own, [other])
    assert (unsure[40:200, 110:170] == both[40:200, 110:170]).all() and (unsure[110:120, 220:260] != (255, 0, 0)).any()


class Crowd:
    """A search that sees one person of several who overlap, and models that see whoever is left in a region."""

    def __init__(self) -> None:
        self.painted = Painted()

    def find_people(self, picture: np.ndarray, _: int) -> list[Region]:
        seen = self.painted.estimate(picture, Region(160, 120, 250))
        return [] if seen is None else [seen.next_region]

    def estimate(self, picture: np.ndarray, region: Region) -> Pose | None:
        return self.painted.estimate(picture, region)


def test_whoever_is_behind_the_only_one_who_is_found_is_found_too() -> None:
    picture = np.full((240, 320, 3), 90, np.uint8)
    picture[30:210, 180:240] = 0, 255, 0
    picture[30:210, 100:170] = 255, 0, 0
    find = BuiltIn(cast(PoseEstimator, Crowd()))
    for index in range(3):
        hips = sorted(float(points[8, 0]) for points in find(index, picture))
        assert len(hips) == 2 and hips[0] < 170 < hips[1]


def test_where_people_overlap_the_nearer_one_is_seen() -> None:
    estimator, picture = cast(PoseEstimator, Painted()), np.full((240, 320, 3), 90, np.uint8)
    picture[30:210, 130:210] = 0, 255, 0  # behind
    front = picture.copy()
    front[30:210, 100:180] = 255, 0, 0
    known_poses = [Painted().estimate(p, Region(170, 120, 250)) for p in (front, picture)]
    blue, green = (to_body_25(p.landmarks, 320, 240) for p in known_poses if p is not None)
    behind = detect_among(estimator, front, green, [(blue, True)], replace_distance())
    ahead = detect_among(estimator, front, blue, [(green, False)], replace_distance())
    assert behind is not None and ahead is not None and behind.others is not None and ahead.others is not None
    row = behind.probability[120] > 127
    assert not row[105:175].any() and row[190:205].all()  # hidden where the other one is
    assert (ahead.probability[120, 105:175] > 127).all()
    assert not (ahead.others[120, 105:175] > 127).any()
    assert behind.landmarks is not None and (behind.landmarks[:, 3] < 0.5).any()
    away = green + [100, 0, 0]
    assert detect_among(estimator, front, away.astype(np.float32), [(blue, True)]) is None  # somebody else is found


class Guessing(Painted):
    """Puts the last point beside the body, the farther the darker the picture is there: it sees nothing of it."""

    def _pose(self, there: np.ndarray, x: float, y: float, region: Region) -> Pose:
        pose = super()._pose(there, x, y, region)
        pose.landmarks[-1, 0] += 0.5 * self.brightness
        return pose

    def estimate(self, picture: np.ndarray, region: Region) -> Pose | None:
        self.brightness = float(picture[30:210, 100:140].mean())
        return super().estimate(picture, region)


def test_points_that_change_with_the_paint_are_guesses() -> None:
    estimator, picture = cast(PoseEstimator, Guessing()), np.full((240, 320, 3), 90, np.uint8)
    picture[30:210, 130:210] = 0, 255, 0
    picture[30:210, 100:170] = 255, 0, 0
    blue, green = (
        to_body_25(pose.landmarks, 320, 240)
        for x, colour in ((135, (255, 0, 0)), (190, (0, 255, 0)))
        if (pose := Painted()._pose((picture == colour).all(-1), x, 120, Region(x, 120, 250))) is not None
    )
    found = detect_among(estimator, picture, green, [(blue, True)], replace_distance())
    assert found is not None and found.landmarks is not None
    seen = found.landmarks[found.landmarks[:, 0] > 190]
    assert seen[-1, 3] < 0.1 and np.allclose(seen[:-1, 3], 0.9, atol=0.01) and len(seen) > 5


def replace_distance() -> Any:
    from fit_avatar.capture.among import DEFAULT_AMONG

    return replace(DEFAULT_AMONG, max_distance=0.5)
