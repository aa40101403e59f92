"""Arms are named that are shorter than the pictures of a turn show them; noise and long arms name none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, pose_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Capture
from fit_avatar.report import arm_warnings
from fit_avatar.report.arm_check import turned

FRAMES = 24
ARM = ("shoulder", "elbow", "wrist")
BODY = load_body()
PERSON = BODY, turning_person(BODY, FRAMES).state


def seen(longer: float = 1.0, frames: int = FRAMES, noise_px: float = 1.0) -> Capture:
    """Return a capture that shows arms so many times as long as they are, in some of the frames."""
    joints = pose_body(*PERSON).joints.double().numpy()
    keypoints = np.zeros((FRAMES, 25, 3), np.float32)
    generator = np.random.default_rng(0)
    for side in ("left", "right"):
        places = [joints[:, BODY.joint_names.index(f"{side}_{name}")] for name in ARM]
        for name, place in zip(ARM, places, strict=True):
            points = CAMERA.project(places[0] + longer * (place - places[0]))
            points = points + generator.normal(0, noise_px, (FRAMES, 2))
            keypoints[:frames, BODY_25.index(f"{side}_{name}")] = np.column_stack([points, np.ones(FRAMES)])[:frames]
    masks = np.zeros((FRAMES, 8, 8), bool)
    return Capture(np.arange(FRAMES), keypoints, masks, CAMERA, np.ones(FRAMES, np.float32))


@pytest.mark.parametrize("longer", [0.9, 1.0])
def test_arms_that_are_as_long_as_they_are_seen_or_longer_are_not_named(longer):
    assert arm_warnings(*PERSON, seen(longer)) == ()


def test_arms_that_are_seen_longer_are_named_with_both_lengths():
    (warning,) = arm_warnings(*PERSON, seen(1.2))
    own, shown = (float(word) for word in warning.split() if word.isdecimal())
    assert warning.startswith("The arms are ")
    assert 1.12 < shown / own < 1.28


def test_few_frames_and_somebody_who_does_not_turn_are_not_judged():
    body, state = PERSON
    assert arm_warnings(body, state, seen(1.2, frames=9)) == ()
    still = replace(state, global_orient=state.global_orient[:1].expand(FRAMES, 3))
    assert arm_warnings(body, still, seen(1.2)) == ()


def test_a_turn_is_counted_whichever_way_it_goes():
    state = PERSON[1]
    expected = 2 * np.pi * (FRAMES - 1) / FRAMES
    back = replace(state, global_orient=torch.flip(state.global_orient, [0]))
    assert turned(state) == pytest.approx(expected, abs=0.02)
    assert turned(back) == pytest.approx(expected, abs=0.02)
