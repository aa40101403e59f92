"""The noise of keypoints is measured as what it is worth: more where neighbouring frames err alike."""

import pytest
import torch
from toy_body import toy_body, turning_state

from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Camera
from fit_avatar.fitting import MeasureKeypointNoise
from fit_avatar.solvers import Unknowns

CAMERA = Camera(1500.0, 1500.0, 540.0, 540.0, 1080, 1080)
FRAMES = 80
PIXEL_M = 3.0 / 1500.0
MEASURE = MeasureKeypointNoise()


@pytest.fixture(scope="module")
def posed_and_points():
    body = toy_body()
    state = turning_state(body, FRAMES)
    points = CAMERA.project(pose_points(body, state, body.keypoint_points))
    return Unknowns.of(body, state).posed_body(), points


def measured(posed_and_points, error):
    posed, points = posed_and_points
    keypoints = torch.cat([points + error, torch.ones(*points.shape[:2], 1)], -1)
    return MEASURE.measure(posed, keypoints, CAMERA).item()


def white(seed=0):
    return torch.randn(FRAMES, 25, 2, generator=torch.Generator().manual_seed(seed))


def test_white_noise_is_its_standard_deviation(posed_and_points):
    assert measured(posed_and_points, 5.0 * white()) == pytest.approx(5.0 * PIXEL_M, rel=0.15)


def test_noise_of_neighbours_that_err_alike_counts_more(posed_and_points):
    error, fresh = [white()[0]], white(1)
    for t in range(1, FRAMES):  # a correlation of 0.6, the same standard deviation
        error.append(0.6 * error[-1] + 0.8 * fresh[t])
    assert measured(posed_and_points, 3.0 * torch.stack(error)) == pytest.approx(3.0 * PIXEL_M * 4.0, rel=0.25)


def test_mistakes_are_not_noise(posed_and_points):
    error = 5.0 * white()
    error[::7, 3] += 300.0
    assert measured(posed_and_points, error) == pytest.approx(5.0 * PIXEL_M, rel=0.15)


def test_what_is_measured_is_believed_within_bounds(posed_and_points):
    assert measured(posed_and_points, 0.0 * white()) == pytest.approx(MEASURE.range_m[0])
    assert measured(posed_and_points, 40.0 * white()) == pytest.approx(MEASURE.range_m[1])
    posed, points = posed_and_points
    unseen = torch.cat([points, torch.zeros(*points.shape[:2], 1)], -1)
    assert MEASURE.measure(posed, unseen, CAMERA).item() == pytest.approx(MEASURE.range_m[1])
