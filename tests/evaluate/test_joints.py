"""Joint errors, on cases computed by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.evaluate import align_similarity, mpjpe, pa_mpjpe

RNG = np.random.default_rng(0)
JOINTS = RNG.normal(size=(5, 24, 3))


def test_a_shift_is_its_length_and_nothing_about_the_root() -> None:
    moved = JOINTS + [0.03, 0.0, 0.04]
    assert mpjpe(moved, JOINTS) == pytest.approx(0.05)
    assert mpjpe(moved, JOINTS, root=0) == pytest.approx(0, abs=1e-12)


def test_one_wrong_joint_of_twenty_four() -> None:
    wrong = JOINTS.copy()
    wrong[:, 7, 1] += 0.24
    assert mpjpe(wrong, JOINTS) == pytest.approx(0.01)


def test_a_similarity_transform_is_undone() -> None:
    turns = Rotation.random(5, random_state=1).as_matrix()
    moved = 1.7 * JOINTS @ turns.transpose(0, 2, 1) + RNG.normal(size=(5, 1, 3))
    assert pa_mpjpe(moved, JOINTS) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(align_similarity(moved, JOINTS), JOINTS, atol=1e-9)


def test_a_mirror_image_is_not_undone() -> None:
    assert pa_mpjpe(JOINTS * [-1, 1, 1], JOINTS) > 0.1


def test_points_in_one_place_do_not_divide_by_zero() -> None:
    together = np.zeros((24, 3))
    assert np.isfinite(pa_mpjpe(together, JOINTS[0]))


def test_wrong_shapes_raise() -> None:
    with pytest.raises(ValueError, match="points, 3"):
        mpjpe(np.zeros((24, 3)), np.zeros((23, 3)))
    with pytest.raises(ValueError, match="points, 3"):
        mpjpe(np.zeros((24, 2)), np.zeros((24, 2)))
