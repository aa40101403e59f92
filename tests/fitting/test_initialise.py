"""The first poses: the direction is found however fast the person turns, and whatever some keypoints say."""

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, rotation
from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture import Capture
from fit_avatar.fitting import gather_evidence, initialise


@pytest.fixture(scope="module")
def body():
    return load_body()


def largest_error_deg(body, frames, turns, exchanged=(), step=1):
    """Return how far the first directions are from the truth."""
    clip = turning_person(body, frames)
    order = (torch.arange(turns * frames) * step) % frames
    keypoints = CAMERA.project(body.keypoint_regressor @ clip.vertices)[order]
    keypoints = torch.cat([keypoints, torch.ones(len(order), 25, 1)], -1)
    for t in exchanged:
        keypoints[t] = keypoints[t, list(BODY_25_MIRROR)]
    count = len(order)
    empty = np.zeros((count, 8, 8), bool)
    capture = Capture(np.arange(count), keypoints.numpy(), empty, CAMERA, np.ones(count, np.float32))
    start = initialise(body, gather_evidence(capture, 8, torch.device("cpu")), clip.height_m)
    truth = rotation.exp(clip.state.global_orient[order])
    between = rotation.log(start.rotations[:, 0].transpose(1, 2) @ truth)
    return float(torch.rad2deg(between.norm(dim=-1)).amax())


@pytest.mark.parametrize(
    ("frames", "turns", "step"), [(2, 1, 1), (3, 1, 1), (6, 1, 1), (8, 3, 1), (8, 3, -1), (24, 1, -1)]
)
def test_fast_and_slow_turns_either_way(body, frames, turns, step):
    assert largest_error_deg(body, frames, turns, step=step) < 25


def test_frames_with_left_and_right_exchanged(body):
    assert largest_error_deg(body, 24, 1, exchanged=(2, 9, 10, 17, 22)) < 45
    assert largest_error_deg(body, 8, 3, exchanged=(2, 9, 17, 22)) < 45


def test_keypoints_that_are_no_numbers_say_nothing():
    keypoints = np.ones((3, 25, 3), np.float32)
    keypoints[0, 4] = np.nan
    keypoints[1, 5, 2] = np.nan
    keypoints[2, 6, 0] = np.inf
    capture = Capture(np.arange(3), keypoints, np.zeros((3, 8, 8), bool), CAMERA, np.ones(3, np.float32))
    evidence = gather_evidence(capture, 8, torch.device("cpu"))
    assert evidence.keypoints.isfinite().all() and evidence.confidence.sum() == 72
    assert evidence.confidence[[0, 1, 2], [4, 5, 6]].tolist() == [0, 0, 0]
