from __future__ import annotations

import numpy as np
from cardboard import person

from fit_avatar.capture.feet import depth_below_feet, draw_body, draw_feet, in_crop, lowest_of_feet

SIZE = (288, 384)
HEIGHT = 330.0


def test_depth_is_measured_from_each_foot_by_itself() -> None:
    points = person(0.0, *SIZE)[1]
    points[[19, 21], 1] -= 20  # the left foot stands further back
    depth = depth_below_feet(points, SIZE, HEIGHT)
    for toe in (19, 22):
        column, row = points[toe, :2].round().astype(int)
        assert abs(depth[row + 10, column] - 10 / HEIGHT) < 0.02
        assert depth[row - 30, column] < 0
    middle, side = int(SIZE[0] / 2), 5
    assert np.isneginf(depth[:, [middle, side]]).all()


def test_below_a_lifted_or_unseen_foot_there_may_be_the_person() -> None:
    lifted = person(0.0, *SIZE)[1]
    column = int(lifted[19, 0])
    assert np.isfinite(depth_below_feet(lifted, SIZE, HEIGHT)[:, column]).all()
    lifted[[19, 21], 1] -= 100
    assert np.isneginf(depth_below_feet(lifted, SIZE, HEIGHT)[:, column]).all()
    unseen = person(0.0, *SIZE)[1]
    unseen[19:, 2] = 0
    assert np.isneginf(depth_below_feet(unseen, SIZE, HEIGHT)).all()
    assert lowest_of_feet(unseen, 0.5) is None


def test_bones_are_inside_the_body() -> None:
    mask, points = person(0.0, *SIZE)
    for drawn in (draw_feet(points, SIZE, HEIGHT), draw_body(points, SIZE, HEIGHT)):
        assert drawn.any() and mask[drawn].mean() > 0.85


def test_keypoints_in_a_crop_at_half_size() -> None:
    points = np.array([[30.0, 50.0, 0.7]], np.float32)
    assert in_crop(points, (slice(40, 80), slice(10, 50)), (20, 20)).tolist() == [[10.0, 5.0, np.float32(0.7)]]
