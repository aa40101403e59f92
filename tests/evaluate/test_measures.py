"""Measures by hand: known errors give known figures."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate import accelerations, align_clip, aligned_errors, auc, joint_errors, mpjpe, pa_mpjpe, pck

JOINTS = np.random.default_rng(0).normal(size=(7, 24, 3))


def test_errors_of_joints_are_what_mpjpe_is_the_mean_of():
    moved = JOINTS + np.random.default_rng(1).normal(0, 0.1, JOINTS.shape)
    assert joint_errors(moved, JOINTS).mean() == pytest.approx(mpjpe(moved, JOINTS))
    assert joint_errors(moved, JOINTS, [3]).mean() == pytest.approx(mpjpe(moved, JOINTS, root=3))
    assert aligned_errors(moved, JOINTS).mean() == pytest.approx(pa_mpjpe(moved, JOINTS))


def test_the_root_is_the_mean_of_its_joints():
    moved = JOINTS.copy()
    moved[:, 1] += [0.2, 0, 0]
    moved[:, 2] -= [0.2, 0, 0]
    errors = joint_errors(moved, JOINTS, [1, 2])
    np.testing.assert_allclose(errors[:, 3:], 0, atol=1e-12)
    np.testing.assert_allclose(errors[:, 1:3], 0.2)


def test_correct_keypoints_are_counted():
    errors = [0.01, 0.05, 0.0501, 0.2]
    assert pck(errors, 0.05) == 50
    assert pck(errors, 0.15) == 75


def test_the_area_under_the_curve_is_that_of_the_data_sets_own_code():
    assert auc([0.0]) == 100
    assert auc([0.2]) == 0
    assert auc([0.0751]) == pytest.approx(100 * 15 / 31)  # 80, 85, … 150 mm


def test_acceleration_of_a_parabola():
    frames = np.arange(6.0)[:, None, None]
    path = 0.004 * frames**2 * np.array([1.0, 0, 0]) + 0.3 * frames
    np.testing.assert_allclose(accelerations(path), np.broadcast_to([0.008, 0, 0], (4, 1, 3)), atol=1e-12)


def test_a_clip_in_a_world_is_aligned_as_a_whole():
    turn = Rotation.from_rotvec([0.3, 2.0, -0.4]).as_matrix()
    np.testing.assert_allclose(align_clip(0.7 * JOINTS @ turn.T + [1, 2, 3], JOINTS), JOINTS, atol=1e-9)
    walking = JOINTS + np.arange(7.0)[:, None, None] * [0.1, 0, 0]
    assert np.abs(align_clip(walking, JOINTS) - JOINTS).max() > 0.05  # unlike the alignment of each frame
    assert aligned_errors(walking, JOINTS).mean() < 1e-9
