"""What a body is besides its arrays."""

import numpy as np
from toy_body import toy_body

from fit_avatar.body.model import Body


def test_bodies_are_equal_if_they_are_the_same_object():
    body, other = toy_body(8, 12), toy_body(8, 12)
    assert body == body and body != other
    assert {body: 1}[body] == 1 and other not in {body: 1}


def test_round_trip_keeps_every_field(tmp_path):
    body = toy_body()
    body.save(tmp_path / "body.npz")
    again = Body.load(tmp_path / "body.npz")
    assert again.joint_names == body.joint_names and again.part_names == body.part_names and again.name == body.name
    assert np.array_equal(again.lbs_weights, body.lbs_weights)
