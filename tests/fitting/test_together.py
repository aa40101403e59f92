"""People who were fitted one by one, and are placed in one scene."""

from __future__ import annotations

import numpy as np
import pytest

from fit_avatar.fitting.together import Meeting, Member, collide, floors, in_wrong_order, meetings_of, place_together

UP = np.array([0.0, -1.0, 0.0])  # the camera's y points down
FRAMES = np.arange(20)


def standing(x: float, z: float, floor: float = 1.4, size: float = 1.0) -> Member:
    """Return a stick figure 1.7 m high on a floor below the camera, as fitted with a wrong size."""
    heights = np.linspace(0.0, 1.7, 12)
    joints = np.stack([np.full(12, x), floor - heights, np.full(12, z)], -1)[None].repeat(len(FRAMES), 0)
    return Member(FRAMES, joints, UP).scaled(size)


def meeting(first_is_nearer: bool) -> Meeting:
    return Meeting(0, 1, FRAMES, FRAMES, np.full(len(FRAMES), first_is_nearer))


def test_one_floor_makes_sizes_agree() -> None:
    people = [standing(-0.6, 4.0), standing(0.6, 5.0, size=0.92)]
    scales = place_together(people, [])
    placed = floors([person.scaled(scale) for scale, person in zip(scales, people, strict=True)])
    assert placed[0] == pytest.approx(placed[1], abs=0.03)
    assert 0.92 < scales[0] < 1 < scales[1] < 1.09  # neither is known to be right


def test_who_is_right_is_left_alone() -> None:
    assert place_together([standing(-0.6, 4.0), standing(0.6, 5.0)], []) == pytest.approx((1, 1), abs=1e-6)


def test_somebody_on_a_step_stays_there() -> None:
    scales = place_together([standing(-0.6, 4.0), standing(0.6, 4.0), standing(0.0, 4.5, floor=0.8)], [])
    assert scales == pytest.approx((1, 1, 1), abs=0.02)


def test_who_is_seen_in_front_comes_to_the_front() -> None:
    people = [standing(0.0, 4.15, floor=1.4), standing(0.4, 4.0, floor=0.6)]  # floors say nothing
    assert in_wrong_order(people, meeting(True)).all()
    scales = place_together(people, [meeting(True)])
    placed = [person.scaled(scale) for person, scale in zip(people, scales, strict=True)]
    assert scales[0] < 1 < scales[1] and placed[0].joints[0, 0, 2] < placed[1].joints[0, 0, 2] + 0.05
    assert place_together(people, [meeting(False)]) == pytest.approx((1, 1), abs=0.02)


def test_people_are_moved_apart() -> None:
    people = [standing(0.0, 4.0), standing(0.02, 4.03, floor=0.6)]
    assert collide(people, meeting(True)).all()
    scales = place_together(people, [meeting(True)])
    placed = [person.scaled(scale) for person, scale in zip(people, scales, strict=True)]
    assert not collide(placed, meeting(True)).any() and not in_wrong_order(placed, meeting(True)).any()


def test_people_meet_where_they_overlap_in_the_picture() -> None:
    wide = np.array([[0.0, 0.0, 10.0, 10.0]]).repeat(4, 0)
    moving = wide + np.arange(4)[:, None] * [6.0, 0.0, 6.0, 0.0]
    moving[1] = np.nan
    frames = [np.array([2, 3, 4, 5]), np.array([2, 3, 4, 5])]
    assert meetings_of(frames, [wide, moving[::-1]], [np.ones(4), np.arange(4.0)])[0].first_rows.tolist() == [3]
    (found,) = meetings_of([frames[0], frames[0] + 1], [wide, wide], [np.ones(4), np.array([0.0, 2, 0, 2])])
    assert found.first_rows.tolist() == [1, 2, 3] and found.second_rows.tolist() == [0, 1, 2]
    assert found.first_is_nearer.tolist() == [True, False, True]
