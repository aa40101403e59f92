from __future__ import annotations

import numpy as np
import pytest
from turning_person import turning_person

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.facing import Facing

SIZE = 700.0
TURN = np.arange(0, 360, 3.0)
TIMES = np.arange(len(TURN)) / 30


@pytest.mark.parametrize("feet", [True, False])
def test_front_and_back_are_told_apart(feet: bool) -> None:
    front = Facing.of(turning_person(TURN, feet=feet), TIMES, SIZE).front
    cosine = np.cos(np.radians(TURN))
    assert (front[cosine > 0.8] > 0.5).all() and (front[cosine < -0.8] < -0.5).all()


@pytest.mark.parametrize("feet", [True, False])
def test_evidence_is_for_the_true_sides_and_against_exchanged_ones(feet: bool) -> None:
    body = turning_person(TURN, feet=feet)
    mirrored = body[:, list(BODY_25_MIRROR)]
    right, wrong = (Facing.of(b, TIMES, SIZE).left_right_evidence(b, SIZE) for b in (body, mirrored))
    assert np.allclose(right, -wrong)
    assert right.min() > -0.2 and right.mean() > 0.3
    if feet:
        assert right[:, 1].min() > 0.5, "feet on a floor show left and right in every view"


def test_a_detector_that_shows_a_face_on_every_head_is_no_evidence() -> None:
    body = turning_person(TURN, feet=False)
    body[:, [0, 15, 16, 17, 18], 2] = 0.9
    assert not Facing.of(body, TIMES, SIZE).front.any()
    assert not Facing.of(body, TIMES, SIZE).left_right_evidence(body, SIZE).any()


def test_a_foot_in_the_air_is_no_evidence() -> None:
    body = turning_person(np.r_[TURN, np.full(60, 90.0)], noise_px=0.0)
    kick = 0.4 * SIZE * np.clip(np.sin(np.arange(60) / 5), 0, 1)[:, None]
    for foot in ([14, 19, 20, 21], [11, 22, 23, 24]):
        kicking = body.copy()
        kicking[-60:, foot, :2] -= kick[..., None]  # forwards and up
        times = np.arange(len(body)) / 30
        assert Facing.of(kicking, times, SIZE).left_right_evidence(kicking, SIZE)[:, 1].min() > -0.2
