"""Feet of people who step around."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera
from lib.dressed_person import make_person
from lib.measure import nose_error, slide
from lib.stepping import SOLES, stepping
from lib.synthetic_person import NUM_BETAS, make_motion, upwards
from lib.true_clip import TrueClip

FRAMES, FPS = 42, 10


@pytest.fixture(scope="module")
def turn():
    body = load_body(NUM_BETAS)
    slid = make_motion(body, make_person(body, 0), 0, FRAMES)
    return body, slid, stepping(body, slid, upwards(slid))


def feet(body, state):
    return pose_points(body, state, body.keypoint_points)[:, SOLES].mean(2)


def true_clip(body, state):
    keypoints = pose_points(body, state, body.keypoint_points).double().numpy()
    camera = Camera(1.0, 1.0, 0.5, 0.5, 1, 1)
    return TrueClip(None, camera, 1.7, np.array([0.0, -1.0, 0.0]), {}, keypoints[:, :24], keypoints, FPS)


def test_feet_stand_while_they_stand(turn):
    body, slid, stepped = turn
    stands = stepped.stands[1:] & stepped.stands[:-1]
    before, after = (feet(body, state).diff(dim=0).norm(dim=-1).numpy() for state in (slid, stepped.state))
    assert stands.mean() > 0.4
    assert before[stands].mean() > 0.02
    assert after[stands].max() < 0.005
    assert np.median(after[~stands]) > 0.03


def test_both_feet_stand_flat_on_one_floor(turn):
    body, slid, stepped = turn
    soles = pose_points(body, stepped.state, body.keypoint_points)[:, SOLES] @ upwards(slid)  # [T, 2, 3]
    left, right = (soles[stepped.stands[:, foot], foot] for foot in range(2))
    assert left.std(0).max() < 2e-3
    assert right.std(0).max() < 2e-3
    assert (left.mean(0) - right.mean(0)).abs().max() < 2e-3
    before = pose_points(body, slid, body.keypoint_points)[:, SOLES] @ upwards(slid)
    assert (before[:, 0].mean(0) - before[:, 1].mean(0)).abs().max() > 5e-3


def test_everything_above_the_legs_stays(turn):
    body, slid, stepped = turn
    kept = [k for k, name in enumerate(body.joint_names[1:]) if not name.endswith(("hip", "knee", "ankle"))]
    assert torch.equal(stepped.state.body_pose[:, kept], slid.body_pose[:, kept])
    assert (stepped.state.transl - slid.transl).norm(dim=-1).max() < 0.1


def test_sliding_is_measured_where_the_truth_stands(turn):
    body, slid, stepped = turn
    truth = true_clip(body, stepped.state)
    every = np.arange(FRAMES)
    assert slide(body, stepped.state, every, truth) < 30
    assert slide(body, slid, every, truth) > 300
    moving = replace(truth, keypoints=truth.keypoints + 0.02 * every[:, None, None])
    assert slide(body, slid, every, moving) is None


def test_a_face_at_the_back_of_the_head_is_seen(turn):
    body, _, stepped = turn
    truth = true_clip(body, stepped.state)
    every = np.arange(FRAMES)
    assert nose_error(body, stepped.state, every, truth) < 1e-3
    pose = stepped.state.body_pose.clone()
    pose[:, body.joint_names.index("head") - 1] = torch.tensor([0.0, np.pi / 2, 0.0])
    assert nose_error(body, replace(stepped.state, body_pose=pose), every, truth) > 70
