"""Directions of limbs from metric points."""

from __future__ import annotations

import numpy as np

from fit_avatar.body.keypoint_sets import MEDIAPIPE_33, MEDIAPIPE_33_MIRROR
from fit_avatar.capture import Camera
from fit_avatar.capture.camera import undistort_points
from fit_avatar.capture.limb_directions import (
    HIDDEN_DEG,
    LIMBS,
    limb_directions,
    turn_with_lens,
    undistort_limbs,
    undistort_world,
)

CAMERA = Camera(500.0, 500.0, 320.0, 240.0, 640, 480)
BENT = Camera(500.0, 500.0, 320.0, 240.0, 640, 480, (-0.3, 0.05, 0.0, 0.0, 0.0))


def world(frames: int = 3, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(frames, 33, 4)).astype(np.float32)
    points[..., 3] = 1
    return points


def test_directions_are_unit_vectors_from_the_first_point_to_the_second() -> None:
    points = world()
    points[:, MEDIAPIPE_33.index("left_elbow"), :3] = 1, 2, 3
    points[:, MEDIAPIPE_33.index("left_wrist"), :3] = 1, 2, 5
    limbs = limb_directions(points)
    assert limbs.directions.shape == (3, len(LIMBS), 3) and limbs.directions.dtype == np.float32
    assert np.allclose(np.linalg.norm(limbs.directions, axis=-1), 1, atol=1e-6)
    assert np.allclose(limbs.directions[:, limbs.limbs.index("left_elbow-left_wrist")], [0, 0, 1])


def test_noise_grows_where_a_limb_is_hidden_and_is_infinite_where_nothing_is() -> None:
    points = world()
    elbow = MEDIAPIPE_33.index("left_elbow")
    points[1, elbow, 3], points[2, elbow, 3] = 0.01, 0
    limbs = limb_directions(points)
    sigma = np.degrees(limbs.sigma_rad[:, limbs.limbs.index("left_shoulder-left_elbow")])
    assert np.isclose(sigma[0], LIMBS["left_shoulder-left_elbow"])
    assert np.isclose(sigma[1], HIDDEN_DEG, rtol=0.02) and np.isinf(sigma[2])
    assert (limbs.directions[2, limbs.limbs.index("left_shoulder-left_elbow")] == 0).all()
    assert np.isfinite(limbs.sigma_rad[2]).sum() == len(LIMBS) - 2


def test_exchanged_points_are_exchanged_limbs() -> None:
    points = world()
    before, after = limb_directions(points), limb_directions(points[:, list(MEDIAPIPE_33_MIRROR)])
    for side, other in (("left", "right"), ("right", "left")):
        a = before.limbs.index(f"{side}_hip-{side}_knee")
        b = before.limbs.index(f"{other}_hip-{other}_knee")
        assert (before.directions[:, a] == after.directions[:, b]).all()
    across = before.limbs.index("right_hip-left_hip")
    assert (before.directions[:, across] == -after.directions[:, across]).all()


def test_a_plain_camera_changes_nothing() -> None:
    points, pixels = world(), np.full((3, 33, 3), 200, np.float32)
    limbs = limb_directions(points)
    assert undistort_limbs(limbs, pixels, CAMERA) is limbs
    assert undistort_world(points, pixels, CAMERA) is points


def test_directions_turn_as_the_picture_does() -> None:
    place = np.array([[600.0, 60.0]], np.float32)  # far from the middle, where the lens bends most
    step = np.array([3.0, 1.0], np.float32)
    ends = np.array([[*(place[0] - step), 1], [*(place[0] + step), 1]], np.float32)
    start, end = undistort_points(ends, BENT)[:, :2]
    turned = turn_with_lens(np.array([[*step, 0]], np.float32), place, BENT)[0]
    wanted = (end - start) / np.linalg.norm(end - start)
    assert np.allclose(turned[:2] / np.linalg.norm(turned[:2]), wanted, atol=2e-3)
    assert np.linalg.norm(step / np.linalg.norm(step) - wanted) > 0.05  # it does turn
    assert turn_with_lens(np.array([[0, 0, 1]], np.float32), place, BENT)[0].tolist() == [0, 0, 1]
    middle = turn_with_lens(np.array([[1, 2, 3]], np.float32), np.array([[320, 240]], np.float32), BENT)
    assert np.allclose(middle, [1, 2, 3], atol=1e-3)


def test_undistorted_limbs_stay_unit_vectors_and_hidden_ones_zero() -> None:
    points = world()
    points[0, :, 3] = 0
    pixels = np.random.default_rng(1).uniform(20, 460, (3, 33, 3)).astype(np.float32)
    limbs = undistort_limbs(limb_directions(points), pixels, BENT)
    assert (limbs.directions[0] == 0).all()
    assert np.allclose(np.linalg.norm(limbs.directions[1:], axis=-1), 1, atol=1e-6)
    assert not np.allclose(limbs.directions[1:], limb_directions(points).directions[1:], atol=1e-3)
    moved = undistort_world(points, pixels, BENT)
    assert (moved[..., 2:] == points[..., 2:]).all() and not np.allclose(moved, points, atol=1e-3)
