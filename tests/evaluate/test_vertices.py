"""Errors of vertices by region: a hand that is off and a head that is turned stand in their own rows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fit_avatar.body import load_body
from fit_avatar.evaluate.vertices import regions_of_body, vertex_scores

BODY = load_body(1)
REGIONS = regions_of_body(BODY)
VERTICES = np.stack([BODY.template.double().numpy()] * 3)
JOINTS = np.stack([BODY.joint_template.double().numpy()] * 3)


def score(vertices):
    return vertex_scores([((vertices, JOINTS), (VERTICES, JOINTS))], REGIONS)


def test_every_vertex_belongs_to_one_region():
    assert np.sum(list(REGIONS.values()), 0).tolist() == [1] * len(BODY.template)
    heights = {name: VERTICES[0, chosen, 1].mean() for name, chosen in REGIONS.items()}
    assert heights["head"] > heights["rest"] > heights["feet"]
    fingers = replace(BODY, joint_names=tuple(n.replace("right_hand", "right_index1") for n in BODY.joint_names))
    assert np.array_equal(regions_of_body(fingers)["hands"], REGIONS["hands"])


def test_a_hand_in_one_frame():
    moved = VERTICES.copy()
    moved[1, REGIONS["hands"], 2] += 0.03
    found = score(moved)
    hands = next(each for each in found.regions if each.name == "hands")
    assert (hands.mm, hands.worst_mm) == (pytest.approx(10), pytest.approx(30))
    assert all(each.worst_mm == 0 for each in found.regions if each.name != "hands")
    assert found.pve_mm == pytest.approx(10 * REGIONS["hands"].mean())
    assert found.head_worst_deg == pytest.approx(0, abs=1e-4)


def test_the_angle_of_a_head():
    moved, head = VERTICES.copy(), REGIONS["head"]
    moved[2, head] = Rotation.from_euler("xyz", [9, 0, 0], degrees=True).apply(moved[2, head]) + [0, 0, 0.01]
    found = score(moved)
    assert found.head_deg == pytest.approx(3, abs=1e-3)
    assert found.head_worst_deg == pytest.approx(9, abs=1e-3)


def test_a_body_without_a_head_has_no_direction():
    headless = {name: chosen & (name != "head") for name, chosen in REGIONS.items()}
    found = vertex_scores([((VERTICES, JOINTS), (VERTICES, JOINTS))], headless)
    assert found.head_deg is None
    assert "head" not in {each.name for each in found.regions}
