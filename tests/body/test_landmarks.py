"""Points found by geometry agree with those that the default body brings along."""

import numpy as np
import pytest
import torch
from toy_body import toy_body

from fit_avatar.body import SMPL_JOINTS, load_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.landmarks import extremities

LARGEST_M = {"nose": 0.015, "eye": 0.01, "ear": 0.01, "heel": 0.025, "big_toe": 0.015, "small_toe": 0.015}


def as_float64(*arrays):
    return [array.double().numpy() for array in arrays]


def found(body, scale=1.0):
    template, weights = as_float64(body.template, body.lbs_weights)
    return extremities(template * scale, weights, SMPL_JOINTS, body.skin.numpy())


def test_agree_with_the_default_bodys_own_keypoints():
    body = load_body()
    keypoints = body.keypoint_regressor @ body.template
    for name, vertex in found(body).items():
        distance = (body.template[vertex] - keypoints[BODY_25.index(name)]).norm()
        assert distance < LARGEST_M[name.removeprefix("left_").removeprefix("right_")], name


def test_do_not_depend_on_the_size_of_the_body():
    body = load_body()
    assert found(body) == found(body, 0.6)


def test_left_and_right_are_mirror_images():
    body = load_body()
    points = {name: body.template[vertex] for name, vertex in found(body).items()}
    for name, point in points.items():
        if name.startswith("left_"):
            other = points[name.replace("left", "right")] * torch.tensor([-1.0, 1.0, 1.0])
            assert point[0] > 0 and (point - other).norm() < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_any_mesh_gives_some_vertex(seed):
    body = toy_body()
    template, weights = as_float64(body.template, body.lbs_weights)
    shuffled = np.random.default_rng(seed).permutation(weights)
    points = extremities(template, shuffled, SMPL_JOINTS, body.skin.numpy())
    assert all(0 <= vertex < len(template) for vertex in points.values())
