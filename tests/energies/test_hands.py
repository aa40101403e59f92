"""When a hand that a detector found is believed, and what relaxed fingers are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from world import CAMERA

from fit_avatar import energies as e
from fit_avatar.body import load_body, rotation
from fit_avatar.body.joints import is_finger
from fit_avatar.energies.hands import LEAST_HAND_PX, palm_turn
from fit_avatar.fitting.state import FitState
from fit_avatar.solvers import Unknowns

NEAR = replace(CAMERA, fx=900.0, fy=900.0)
"""Hands are about 50 pixels long."""


@pytest.fixture(scope="module")
def body():
    return load_body(2, path="anny-hands").double()


def unknowns(body, bent=0.0):
    clip = FitState.upright(body, 2).clip
    middle = body.joint_names.index("left_middle2")
    rotations = clip.rotations.clone()
    rotations[:, middle] = rotations[:, middle] @ rotation.exp(rotations.new_tensor([0.0, 0.0, -bent]))
    return Unknowns.of(body, replace(clip, rotations=rotations), ("body_pose",))


def detected(x, camera):
    points = camera.project(x.landmarks[..., :42, :]).unflatten(-2, (2, 21))
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)


def confidence(x, hands, camera):
    return e.hand_reprojection.prepare(x, hands, camera)["confidence"].unflatten(-1, (2, 21))


def test_a_hand_that_lies_on_the_bodys_is_believed(body):
    x = unknowns(body).posed_body()
    assert (confidence(x, detected(x, NEAR), NEAR) == 1).all()


def test_a_back_that_is_taken_for_the_palm_is_not_believed(body):
    turn = rotation.exp(torch.tensor([0.0, 1.2, 0.0]).double())  # the palm, not its edge, faces the camera
    clip = FitState.upright(body, 2).clip
    x = Unknowns.of(body, replace(clip, rotations=torch.cat([clip.rotations[:, :1] @ turn, clip.rotations[:, 1:]], 1)))
    x = x.posed_body()
    hands = detected(x, NEAR)
    mirrored = hands.clone()
    along = hands[:, 0, 9, :2] - hands[:, 0, 0, :2]
    along = along / along.norm(dim=-1, keepdim=True)
    relative = hands[:, 0, :, :2] - hands[:, 0, :1, :2]
    on_axis = (relative * along[:, None]).sum(-1, keepdim=True) * along[:, None]
    mirrored[:, 0, :, :2] = hands[:, 0, :1, :2] + 2 * on_axis - relative
    assert palm_turn(mirrored[0, 0, :, :2]) == pytest.approx(-palm_turn(hands[0, 0, :, :2]).item(), rel=1e-6)
    found = confidence(x, mirrored, NEAR)
    assert (found[:, 0] == 0).all() and (found[:, 1] == 1).all()


def test_a_small_hand_is_not_believed(body):
    x = unknowns(body).posed_body()
    hands = detected(x, CAMERA)
    assert (hands[..., :2].amax(-2) - hands[..., :2].amin(-2)).max() < LEAST_HAND_PX
    assert (confidence(x, hands, CAMERA) == 0).all()


def test_fingers_of_the_usual_pose_are_relaxed_and_others_are_not(body):
    hands = torch.zeros(2, 2, 21, 3).double()
    assert e.relaxed_fingers(unknowns(body).posed_body(), hands).abs().max() < 1e-6
    bent = e.relaxed_fingers(unknowns(body, bent=0.5).posed_body(), hands).norm(dim=-1)
    assert bent.max() == pytest.approx(0.5, abs=1e-6) and (bent > 1e-6).sum() == 2  # one joint in two frames


def test_the_derivative_of_relaxed_fingers_is_that_of_finite_differences(body):
    hands, step = torch.zeros(2, 2, 21, 3).double(), 1e-6
    middle = body.joint_names.index("left_middle2")
    bent = unknowns(body, bent=0.5)
    clip, before = bent.clip_state(), e.relaxed_fingers(bent.posed_body(), hands)
    blocks = e.relaxed_fingers.derivative(bent.posed_body(), {"hands": hands}).frames["body_pose"]
    assert blocks.shape == (2, before[0].numel(), 3 * (len(body.parents) - 1))
    for axis in range(3):
        turned = clip.rotations.clone()
        turned[:, middle] = turned[:, middle] @ rotation.exp(step * torch.eye(3).double()[axis])
        after = e.relaxed_fingers(Unknowns.of(body, replace(clip, rotations=turned)).posed_body(), hands)
        expected = ((after - before) / step).flatten(1)
        torch.testing.assert_close(blocks[..., 3 * (middle - 1) + axis], expected, atol=1e-5, rtol=0)


def test_relaxed_fingers_are_side_by_side_and_bent_towards_the_palm(body):
    x = unknowns(body).posed_body()
    points = x.landmarks[0, :21]
    knuckles, tips = points[[5, 17]], points[[8, 20]]
    assert (tips[0] - tips[1]).norm() < 1.3 * (knuckles[0] - knuckles[1]).norm()
    assert sum(is_finger(name) for name in body.joint_names) == 30
