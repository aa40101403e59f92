"""The first poses: the direction is found however fast the person turns, and whatever some keypoints say."""

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, rotation
from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture import Capture
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import Context, FitState, Initialise, Observations
from fit_avatar.fitting.actions.initialise import spread_over_time


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
    seen = Observations.of(capture, torch.device("cpu"), clip.height_m)
    start = Initialise().run(FitState.upright(body, count), Context(body, lambda: seen)).clip
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


def test_key_frames_are_at_least_two():
    with pytest.raises(BadInputError, match="key_frames is 1: it must be 2 or more"):
        Initialise(key_frames=1)


def test_key_frames_stay_where_other_frames_are_missing():
    times = torch.arange(120) / 29.97
    even = spread_over_time(times, 30)
    assert torch.equal(even, torch.linspace(0, 119, 30).round().long())
    kept = torch.tensor([i for i in range(120) if i % 4 != 1])
    found = kept[spread_over_time(times[kept], 30)]
    assert len(found) == 30 and (found - even).abs().max() == 1
    assert (found == even).float().mean() > 0.6


def test_a_long_gap_takes_few_key_frames():
    times = torch.cat([torch.arange(30), 1000 + torch.arange(30)]) / 30
    assert len(spread_over_time(times, 20)) >= 19
