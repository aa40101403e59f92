"""Keypoints between fitted frames are compared with the fit: what lasts of their errors, and what is of no use."""

import numpy as np
import pytest
import torch

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.fitting.between import counted_noise, prepare_between

FITTED = torch.tensor([0, 4, 8])
BEFORE = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1])
FRACTION = torch.tensor([0, 0.25, 0.5, 0.75, 0, 0.25, 0.5, 0.75, 1])
ARMS = [2, 3, 4, 5, 6, 7]


@pytest.fixture
def expected():
    points = torch.from_numpy(np.random.default_rng(0).uniform(100, 400, (1, 25, 2))).float()
    return points.expand(9, -1, -1) + 3 * torch.arange(9)[:, None, None]


def prepare(found, expected, rate=25.0):
    distance = torch.tensor([0, 1, 2, 1, 0, 1, 2, 1, 0]) / rate
    return prepare_between(found, expected, FITTED, BEFORE, FRACTION, distance)


def seen(points):
    return torch.cat([points, torch.full_like(points[..., :1], 0.9)], -1)


def test_an_error_that_lasts_is_taken_out(expected):
    error = torch.linspace(-8, 8, 25)[:, None]
    found = prepare(seen(expected + error), expected)
    assert found.steady == pytest.approx(0.95)
    between = [1, 2, 3, 5, 6, 7]
    assert (found.keypoints[between, :, :2] - expected[between]).abs().max() < 0.05 * 8
    torch.testing.assert_close(found.keypoints[FITTED, :, :2], (expected + error)[FITTED])  # as found


def test_an_error_that_changes_its_sign_is_left(expected):
    error = torch.tensor([6.0, 0, 0, 0, -6, 0, 0, 0, 6])[:, None, None].expand(-1, 25, 2)
    found = prepare(seen(expected + error), expected)
    assert found.steady == 0
    torch.testing.assert_close(found.keypoints[1:4, :, :2], expected[1:4])


def test_a_mistake_in_a_fitted_frame_says_nothing_about_the_next(expected):
    points = seen(expected + torch.linspace(-8, 8, 25)[:, None])
    plain = prepare(points, expected)
    points[4, 3, :2] += 150
    found = prepare(points, expected)
    assert (found.keypoints[[3, 5], 3] - plain.keypoints[[3, 5], 3]).abs().max() < 2.0


def test_arms_that_are_exchanged_are_exchanged_back(expected):
    points = seen(expected)
    upper = [*ARMS, 15, 16, 17, 18]
    points[2, upper] = points[2, [BODY_25_MIRROR[i] for i in upper]]
    found = prepare(points, expected)
    assert found.exchanged.tolist() == [i == 2 for i in range(9)]
    torch.testing.assert_close(found.keypoints[2, :, :2], expected[2])
    assert not prepare(points, expected, rate=5.0).exchanged.any()  # too far away for the sides to be known


def test_the_fitted_frames_are_never_exchanged(expected):
    points = seen(expected)
    points[4] = points[4, list(BODY_25_MIRROR)]
    assert not prepare(points, expected).exchanged.any()


def test_frames_without_the_person_are_of_no_use(expected):
    points = seen(expected)
    points[1] = 0
    points[2, :, :2] += 400  # somebody else
    points[3, 5:] = 0  # too little of the body
    points[5, :, :2] = points[5, torch.randperm(25, generator=torch.Generator().manual_seed(0)), :2]
    found = prepare(points, expected)
    assert found.usable.tolist() == [True, False, False, False, True, False, True, True, True]
    assert (found.keypoints[~found.usable, :, 2] == 0).all() and (found.keypoints[found.usable, :, 2] > 0).all()


def test_what_neighbouring_frames_share_is_told_from_what_differs(expected):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(expected.shape, generator=generator)
    lasting = torch.tensor([6.0, 5, 4, 2, 0, -2, -4, -5, -6])[:, None, None]
    assert prepare(seen(expected + 4 * noise), expected).dense < 0.3
    assert prepare(seen(expected + lasting + 0.5 * noise), expected).dense > 0.9


def test_errors_that_frames_share_count_more():
    assert counted_noise(0.0, 0.0, 5) == pytest.approx(1.0)
    assert counted_noise(0.0, 0.5, 5) == pytest.approx(3**0.5)
    assert counted_noise(0.0, 0.99, 4) == pytest.approx(2.0)  # four frames are one
    assert counted_noise(0.5, 0.5, 4) == pytest.approx((1 - 1 / 3) ** 0.5)  # as it was measured, without what lasts
