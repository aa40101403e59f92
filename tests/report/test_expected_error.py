"""The expected error grows with the distance of contours, along limbs, and where fit and detector differ."""

import numpy as np
import pytest

from fit_avatar.body import load_body
from fit_avatar.report.expected_error import EXPECTED_ERROR, expected_error, from_pelvis, limb_differences
from fit_avatar.report.limb_check import LIMBS_OF_A_PERSON, LimbTrust

BODY = load_body(1)
VERTICES, JOINTS = BODY.template.numpy(), BODY.joint_template.numpy()
MAIN = BODY.lbs_weights.argmax(1).numpy()


def moved_by(name):
    return BODY.joint_names.index(name) == MAIN


def trust(**off_deg):
    degrees = {name: off_deg.get(name.replace(" ", "_"), 0.0) for name in LIMBS_OF_A_PERSON}
    return [LimbTrust(name, 9, 9, 0, off, 0, None, 0) for name, off in degrees.items()]


def expected(contour=0.0, steep=1.0, away=0.0, limb=0.0, cloth=False):
    parts = (np.array([value], np.float32) for value in (contour, steep, away, limb))
    return float(expected_error(*parts, np.array([cloth]))[0])


def test_the_parts_add_up_as_squares():
    assert expected() == 0
    assert expected(contour=0.006) == pytest.approx(0.003)
    assert expected(contour=np.nan) == pytest.approx(EXPECTED_ERROR.no_contour_m / 2)
    assert expected(steep=0.0) == pytest.approx(EXPECTED_ERROR.grazing_m)
    assert expected(away=2.0) == pytest.approx(2 * EXPECTED_ERROR.per_metre)
    assert expected(contour=0.006, steep=0.0) == pytest.approx(0.005)
    assert expected(cloth=True) == pytest.approx(EXPECTED_ERROR.cloth_m)


def test_hands_are_farther_from_the_pelvis_than_elbows():
    away = from_pelvis(BODY, VERTICES, JOINTS)
    hand, forearm, chest = (away[moved_by(name)].mean() for name in ("left_hand", "left_elbow", "spine3"))
    assert hand > forearm + 0.2 > chest + 0.4
    assert away[moved_by("left_hand")].mean() == pytest.approx(away[moved_by("right_hand")].mean(), rel=1e-3)


def test_a_limb_that_points_elsewhere_moves_itself_and_what_hangs_on_it():
    moved = limb_differences(BODY, VERTICES, JOINTS, trust(left_upper_arm=10.0))
    assert moved[moved_by("right_hand")].max() == 0
    assert moved[moved_by("spine3")].max() == 0
    length = np.linalg.norm(
        np.diff(JOINTS[[BODY.joint_names.index(f"left_{n}") for n in ("shoulder", "elbow")]], axis=0)
    )
    assert moved[moved_by("left_hand")] == pytest.approx(np.radians(10) * length, rel=1e-4)
    near = moved_by("left_shoulder")
    along = np.linalg.norm(VERTICES[near] - JOINTS[BODY.joint_names.index("left_shoulder")], axis=1)
    assert moved[near] == pytest.approx(np.radians(10) * along, rel=1e-4)


def test_a_forearm_moves_the_hand_and_not_the_upper_arm():
    moved = limb_differences(BODY, VERTICES, JOINTS, trust(right_forearm=20.0))
    assert moved[moved_by("right_shoulder")].max() == 0
    hand, forearm = (moved[moved_by(name)].mean() for name in ("right_hand", "right_elbow"))
    assert hand > 1.5 * forearm > 0


def test_without_directions_limbs_are_off_by_a_usual_angle():
    moved = limb_differences(BODY, VERTICES, JOINTS, [])
    assert moved[moved_by("left_foot")].min() > 0.05
    assert moved[moved_by("head")].max() == 0
