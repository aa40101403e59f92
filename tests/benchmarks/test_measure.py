"""Errors of regions are those of the surface around their joints."""

from types import SimpleNamespace

import numpy as np
import pytest

from fit_avatar.body import SMPL_JOINTS
from fit_avatar.evaluate import Mesh, SurfaceDistance, sample_surface
from lib.measure import SAMPLES, region_errors

PLACES = {"head": (0.0, 1.6), "left_hand": (0.8, 1.2), "right_hand": (-0.8, 1.2), "left_foot": (0.1, 0.0)}


def test_a_region_is_what_is_nearest_to_its_joints():
    joints = np.tile([0.0, 0.9, 0.0], (24, 1))
    for name, (x, y) in PLACES.items():
        joints[SMPL_JOINTS.index(name), :2] = x, y
    wall = Mesh(np.array([[-1.0, 0, 0], [1, 0, 0], [1, 2, 0], [-1, 2, 0]]), np.array([[0, 1, 2], [0, 2, 3]]))
    points = sample_surface(wall.vertices, wall.faces, SAMPLES)
    distance = SurfaceDistance(np.zeros(1), np.abs(points[:, 0]) / 1000)
    surfaces = SimpleNamespace(frames=[0], true=[wall], distance=SimpleNamespace(height=[distance]))
    truth = SimpleNamespace(joints=joints[None], keypoints=np.tile([0.5, 1.7, 0.0], (1, 25, 1)))
    errors = region_errors(surfaces, truth)
    assert set(errors) == {"head", "face", "hands", "feet"}
    assert errors["face"] == pytest.approx(0.5, abs=0.01)
    assert errors["head"] < errors["face"] < errors["hands"]
