"""A hand is named that is not where the detector sees it; noise, small hands and hands that are not seen name none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.capture import Capture
from fit_avatar.report import HandConfig, hand_warnings
from fit_avatar.report.hand_check import palm_centres

FRAMES = 8
ANY_SIZE = HandConfig(min_px=1.0)


@pytest.fixture(scope="module", params=["anny", "anny-hands"])
def person(request):
    body = load_body(path=request.param)
    return body, turning_person(body, FRAMES).state


def seen(person, shift_m: float = 0.0, frames: int = FRAMES) -> Capture:
    """Return a capture whose left hands are seen aside of the person's, in some of the frames."""
    palms = palm_centres(*person, HandConfig().wrist_share)
    palms[:, 0, 0] += shift_m
    points = np.repeat(CAMERA.project(palms)[:, :, None], 21, 2)
    points = points + np.random.default_rng(0).normal(0, 2.0, points.shape)
    hands = np.concatenate([points, np.ones_like(points[..., :1])], -1).astype(np.float32)
    hands[frames:, ..., 2] = 0
    nothing = np.zeros((FRAMES, 25, 3), np.float32), np.zeros((FRAMES, 8, 8), bool)
    return Capture(np.arange(FRAMES), *nothing, CAMERA, np.ones(FRAMES, np.float32), hands=hands)


def test_hands_that_are_where_they_are_seen_are_not_named(person):
    assert hand_warnings(*person, seen(person), replace(ANY_SIZE, max_distance_m=0.03)) == ()


def test_a_hand_that_is_elsewhere_is_named(person):
    (warning,) = hand_warnings(*person, seen(person, 0.1), replace(ANY_SIZE, max_distance_m=0.03))
    assert warning.startswith("The left hand is ") and "in the median of 8 frames" in warning
    assert 80 < float(warning.split()[4]) < 120


def test_few_frames_small_hands_and_none_are_not_judged(person):
    assert hand_warnings(*person, seen(person, 0.1, frames=4), ANY_SIZE) == ()
    assert hand_warnings(*person, seen(person, 0.1)) == ()  # a few pixels long
    assert hand_warnings(*person, replace(seen(person, 0.1), hands=None)) == ()
