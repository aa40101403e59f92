from __future__ import annotations

import numpy as np
import pytest
from cardboard import person

from fit_avatar.capture.check import Verdict, area_jumps, clean, cut_sides, judge, judge_photo

MASK, POINTS = person(0.0, 384, 512)


def test_specks_and_pinholes_go_real_holes_stay() -> None:
    broken = MASK.copy()
    broken[5:9, 5:9] = True
    broken[200:203, 190:193] = False
    assert (clean(broken, POINTS) == clean(MASK, POINTS)).all()
    ring = np.zeros((100, 100), bool)
    ring[10:90, 10:90] = True
    ring[40:60, 40:60] = False
    assert (clean(ring, np.zeros((25, 3), np.float32)) == ring).all()


def test_a_severed_hand_with_a_keypoint_stays() -> None:
    broken = MASK.copy()
    elbow = int(POINTS[3, 1])
    broken[elbow + 15 : elbow + 20, :130] = False
    assert clean(broken, POINTS)[int(POINTS[4, 1]), int(POINTS[4, 0])]


def test_somebody_else_goes_even_if_larger() -> None:
    both = np.zeros((512, 900), bool)
    both[:, :384] = MASK
    both[20:500, 500:880] = True
    alone = both.copy()
    alone[:, 400:] = False
    assert (clean(both, POINTS) == alone).all()
    astray = POINTS.copy()
    astray[4, :2] = 700, 200  # one wrong keypoint does not bring them in
    assert (clean(both, astray) == alone).all()


def test_severed_legs_stay() -> None:
    broken = MASK.copy()
    broken[300:306] = False
    assert (clean(broken, POINTS) == broken).all()


def test_good_frames_have_full_weight() -> None:
    assert [v.weight for v in judge([MASK] * 5, np.stack([POINTS] * 5))] == [1.0] * 5


def test_doubts_are_found() -> None:
    masks = [MASK.copy() for _ in range(9)]
    points = np.stack([POINTS] * 9)
    masks[4][100:400, :] = True  # half the picture
    masks[6][:] = False
    points[8, :, 0] += 150
    verdicts = judge(masks, points)
    assert "area jumps" in verdicts[4].reason and verdicts[4].weight == 0
    assert verdicts[6].reason == "the mask is empty"
    assert "same person" in verdicts[8].reason
    assert verdicts[0].weight == 1.0


@pytest.mark.parametrize(
    ("crop", "side"), [(np.s_[70:, :], "top"), (np.s_[:450, :], "bottom"), (np.s_[:, 140:], "left")]
)
def test_cut_off(crop: tuple[slice, slice], side: str) -> None:
    assert cut_sides(MASK[crop]) == (side,)


def test_a_turning_body_changes_its_area_smoothly() -> None:
    turn = 1.0 + 0.3 * np.cos(np.linspace(0, 4 * np.pi, 12))
    assert area_jumps(turn).max() < 0.18


def test_a_photograph_may_cut_the_person_off() -> None:
    assert judge_photo(MASK, POINTS) == Verdict(1.0)
    for crop in (np.s_[:450, :], np.s_[:, :260]):
        assert judge_photo(MASK[crop], POINTS) == Verdict(1.0, cut_off=True)
    assert judge_photo(MASK & False, POINTS).reason == "the mask is empty"
    aside = POINTS + np.float32([150, 0, 0])
    assert "same person" in judge_photo(MASK, aside).reason
