from __future__ import annotations

import numpy as np
import pytest
from cardboard import person

from fit_avatar.capture.mask_check import (
    MaskCheck,
    area_jumps,
    check_masks,
    check_photo,
    clean_mask,
    cut_off_sides,
)

MASK, POINTS = person(0.0, 384, 512)


def test_specks_and_pinholes_are_removed_real_holes_stay() -> None:
    broken = MASK.copy()
    broken[5:9, 5:9] = True
    broken[200:203, 190:193] = False
    assert (clean_mask(broken, POINTS) == clean_mask(MASK, POINTS)).all()
    ring = np.zeros((100, 100), bool)
    ring[10:90, 10:90] = True
    ring[40:60, 40:60] = False
    assert (clean_mask(ring, np.zeros((25, 3), np.float32)) == ring).all()


def test_a_severed_hand_with_a_keypoint_stays() -> None:
    broken = MASK.copy()
    elbow = int(POINTS[3, 1])
    broken[elbow + 15 : elbow + 20, :130] = False
    assert clean_mask(broken, POINTS)[int(POINTS[4, 1]), int(POINTS[4, 0])]


def test_somebody_else_is_removed_even_if_larger() -> None:
    both = np.zeros((512, 900), bool)
    both[:, :384] = MASK
    both[20:500, 500:880] = True
    alone = both.copy()
    alone[:, 400:] = False
    assert (clean_mask(both, POINTS) == alone).all()
    outlier = POINTS.copy()
    outlier[4, :2] = 700, 200  # one wrong keypoint does not keep them
    assert (clean_mask(both, outlier) == alone).all()


def test_severed_legs_stay() -> None:
    broken = MASK.copy()
    broken[300:306] = False
    assert (clean_mask(broken, POINTS) == broken).all()


def test_good_frames_have_full_weight() -> None:
    assert [c.weight for c in check_masks([MASK] * 5, np.stack([POINTS] * 5))] == [1.0] * 5


def test_bad_masks_are_found() -> None:
    masks = [MASK.copy() for _ in range(9)]
    points = np.stack([POINTS] * 9)
    masks[4][100:400, :] = True  # half the picture
    masks[6][:] = False
    points[8, :, 0] += 150
    checks = check_masks(masks, points)
    assert "area jumps" in checks[4].reason and checks[4].weight == 0
    assert checks[6].reason == "the mask is empty"
    assert "same person" in checks[8].reason
    assert checks[0].weight == 1.0


@pytest.mark.parametrize(
    ("crop", "side"), [(np.s_[70:, :], "top"), (np.s_[:450, :], "bottom"), (np.s_[:, 140:], "left")]
)
def test_cut_off(crop: tuple[slice, slice], side: str) -> None:
    assert cut_off_sides(MASK[crop], POINTS) == (side,)


def test_hair_and_hands_that_touch_the_border_are_not_cut_off() -> None:
    top, left = int(np.flatnonzero(MASK.any(1))[0]), int(np.flatnonzero(MASK.any(0))[0])
    for y, x in ((top, 0), (top + 1, 0), (0, left)):
        points = POINTS - np.float32([x, y, 0])
        assert check_masks([MASK[y:, x:]] * 3, np.stack([points] * 3))[0] == MaskCheck(1.0)
    through_the_face = check_masks([MASK[top + 30 :]] * 3, np.stack([POINTS - np.float32([0, top + 30, 0])] * 3))[0]
    assert through_the_face == MaskCheck(1.0, sides=("top",))


def test_whole_feet_on_the_border_are_not_cut_off() -> None:
    without_heels = POINTS.copy()
    without_heels[[21, 24], 2] = 0
    soles = int(np.flatnonzero(MASK.any(1))[-1]) + 1
    touching = MASK[: soles - 2]
    assert touching[-1].sum() > 10
    reflected = MASK.copy()
    reflected[soles - 8 :] = MASK[soles - 8]  # the floor shines down to the border
    for mask in (touching, reflected):
        assert cut_off_sides(mask, POINTS) == ()
        assert check_masks([mask] * 3, np.stack([POINTS] * 3))[0] == MaskCheck(1.0)
        assert cut_off_sides(mask, without_heels) == ("bottom",), "nobody knows"


def test_feet_below_the_border_are_cut_off() -> None:
    points = POINTS.copy()
    toes = int(points[19, 1])
    assert cut_off_sides(MASK[: toes + 1], points) == ("bottom",)
    points[19:25, 2] = 0  # a detector that does not see them
    assert cut_off_sides(MASK[: toes + 1], points) == ("bottom",)


def test_a_turning_body_changes_its_area_smoothly() -> None:
    turn = 1.0 + 0.3 * np.cos(np.linspace(0, 4 * np.pi, 12))
    assert area_jumps(turn).max() < 0.18


def test_cut_off_frames_have_full_weight_if_they_show_shoulders_and_an_elbow() -> None:
    elbows = int(POINTS[[3, 6], 1].max())
    half = MASK[: elbows + 20]
    assert check_masks([half] * 3, np.stack([POINTS] * 3))[0] == MaskCheck(1.0, sides=("bottom",))
    head = MASK[: elbows - 20]
    assert check_masks([head] * 3, np.stack([POINTS] * 3))[0] == MaskCheck(
        0.0, "the person is cut off at the frame's bottom", ("bottom",)
    )


def test_who_leaves_at_the_side_may_become_smaller_at_once_but_not_larger() -> None:
    way = [0, 0, 0, 0, 60, 110, 160, 210]
    shown = [np.pad(MASK, ((0, 0), (s, 0)))[:, : MASK.shape[1]] for s in way]
    points = np.stack([POINTS + np.float32([s, 0, 0]) for s in way])
    assert np.abs(area_jumps(np.array([m.sum() for m in shown], np.float64))).max() > 0.5
    for order in (slice(None), slice(None, None, -1)):
        assert all(check.weight > 0 for check in check_masks(shown[order], points[order]))
    flooded = [MASK] * 7
    flooded[3] = MASK | (np.arange(MASK.shape[1]) > 100)
    assert "area jumps" in check_masks(flooded, np.stack([POINTS] * 7))[3].reason


def test_a_photograph_may_cut_the_person_off() -> None:
    assert check_photo(MASK, POINTS) == MaskCheck(1.0)
    for crop, sides in ((np.s_[:450, :], ("bottom",)), (np.s_[:, :260], ("right",))):
        assert check_photo(MASK[crop], POINTS) == MaskCheck(1.0, sides=sides)
    assert check_photo(MASK & False, POINTS).reason == "the mask is empty"
    aside = POINTS + np.float32([150, 0, 0])
    assert "same person" in check_photo(MASK, aside).reason
