"""Fingers move where hands are seen, and nowhere else."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA

from fit_avatar.body import load_body, rotation
from fit_avatar.body.joints import FINGER_JOINTS
from fit_avatar.capture import Capture
from fit_avatar.energies import Term, mean_pose_prior, pose_deviation
from fit_avatar.fitting import Context, FitState, Observations, Solve, video_avatar
from fit_avatar.solvers import GaussNewton, Unknowns
from fit_avatar.visibility.raster import silhouette

FRAMES = 3
NEAR = CAMERA.fitted_to(4 * CAMERA.width, 4 * CAMERA.height)
"""A picture in which hands are large enough to be believed."""
FINGERS = video_avatar().action("fingers")
KNUCKLE = "left_index1"


@pytest.fixture(scope="module")
def body():
    return load_body(2, path="anny-hands")


def standing(body, bent=0.0, elbow=0.0):
    """Return the state of a person whose hands are seen from their sides, an index finger and an elbow bent."""
    state = FitState.upright(body, FRAMES)
    turned = state.clip.rotations.clone()
    turned[:, 0] = turned[:, 0] @ rotation.exp(torch.tensor([0.0, 0.3, 0.0]))
    for name, angle in ((KNUCKLE, bent), ("left_elbow", elbow)):
        joint = body.joint_names.index(name)
        turned[:, joint] = turned[:, joint] @ rotation.exp(torch.tensor([0.0, 0.0, -angle]))
    return replace(state, clip=replace(state.clip, rotations=turned))


def observed(body, state, hands=True):
    """Return what is seen of a person in some state."""
    x = Unknowns.of(body, state.clip).posed_body()
    keypoints = torch.cat([NEAR.project(x.keypoints), torch.ones(FRAMES, 25, 1)], -1)
    masks = torch.stack([silhouette(v, body.faces, NEAR) for v in x.vertices])
    capture = Capture(np.arange(FRAMES), keypoints.numpy(), masks.numpy(), NEAR, np.ones(FRAMES, np.float32))
    seen = Observations.of(capture, torch.device("cpu"))
    if not hands:
        return seen
    points = NEAR.project(x.landmarks[:, :42]).unflatten(1, (2, 21))
    return replace(seen, hands=torch.cat([points, torch.ones(FRAMES, 2, 21, 1)], -1))


def run(body, solve, state, observations):
    return solve.run(state, Context(body, lambda: observations))


def turns(body, one, other):
    """Return the angle by which each joint differs, the largest of all frames, by the joints' names."""
    between = one.clip.rotations.transpose(-1, -2) @ other.clip.rotations
    angles = rotation.log(between).norm(dim=-1).amax(0)
    return dict(zip(body.joint_names, angles.tolist(), strict=True))


def test_a_bent_finger_is_found_and_nothing_else_moves(body):
    true, start = standing(body, bent=0.6), standing(body)
    found = run(body, FINGERS, start, observed(body, true))
    assert turns(body, found, true)[KNUCKLE] < 0.3 < 0.6 == pytest.approx(turns(body, start, true)[KNUCKLE], abs=1e-3)
    moved = turns(body, found, start)
    assert max(angle for name, angle in moved.items() if name not in FINGER_JOINTS) == 0
    assert max(angle for name, angle in moved.items() if name.startswith("right")) < 0.05


def test_fingers_stay_where_no_term_looks_at_hands(body):
    start = standing(body, bent=0.6, elbow=0.3)
    terms = (Term(pose_deviation, 100.0), Term(mean_pose_prior, 100.0))
    solve = Solve("one", terms, free=("body_pose", "mean_pose"), optimiser=GaussNewton(4))
    moved = turns(body, run(body, solve, start, observed(body, start)), start)
    assert moved["left_elbow"] > 0.1 and max(moved[name] for name in FINGER_JOINTS) == 0


def test_fingers_stay_where_no_hands_were_seen(body):
    start = standing(body, bent=0.6)
    assert run(body, FINGERS, start, observed(body, start, hands=False)) is start


def test_a_body_whose_hands_are_whole_is_left_alone(caplog):
    body = load_body(2)
    start = FitState.upright(body, FRAMES)
    seen = replace(observed(body, start, hands=False), hands=torch.ones(FRAMES, 2, 21, 3))
    with caplog.at_level(logging.INFO, "fit_avatar"):
        assert run(body, FINGERS, start, seen) is start
    assert "fingers is left out: the body has no such joints" in caplog.text
