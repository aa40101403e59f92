"""A forearm is named that is shorter than the pictures of a turn show it; noise and a long forearm name none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, pose_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Capture
from fit_avatar.report import forearm_warnings
from fit_avatar.report.forearm_check import turned

FRAMES = 24
BODY = load_body()
PERSON = BODY, turning_person(BODY, FRAMES).state


def seen(longer: float = 1.0, frames: int = FRAMES, noise_px: float = 1.0) -> Capture:
    """Return a capture that shows the left forearm so many times as long as it is, in some of the frames."""
    joints = pose_body(*PERSON).joints.double().numpy()
    keypoints = np.zeros((FRAMES, 25, 3), np.float32)
    generator = np.random.default_rng(0)
    for side, factor in (("left", longer), ("right", 1.0)):
        elbow, wrist = (joints[:, BODY.joint_names.index(f"{side}_{name}")] for name in ("elbow", "wrist"))
        for name, place in (("elbow", elbow), ("wrist", elbow + factor * (wrist - elbow))):
            points = CAMERA.project(place) + generator.normal(0, noise_px, (FRAMES, 2))
            keypoints[:frames, BODY_25.index(f"{side}_{name}")] = np.column_stack([points, np.ones(FRAMES)])[:frames]
    masks = np.zeros((FRAMES, 8, 8), bool)
    return Capture(np.arange(FRAMES), keypoints, masks, CAMERA, np.ones(FRAMES, np.float32))


@pytest.mark.parametrize("longer", [0.9, 1.0])
def test_a_forearm_that_is_as_long_as_it_is_seen_or_longer_is_not_named(longer):
    assert forearm_warnings(*PERSON, seen(longer)) == ()


def test_a_forearm_that_is_seen_longer_is_named_with_both_lengths():
    (warning,) = forearm_warnings(*PERSON, seen(1.2))
    own, shown = (float(word) for word in warning.split() if word.isdecimal())
    assert warning.startswith("The left forearm is ")
    assert 1.12 < shown / own < 1.28


def test_few_frames_and_somebody_who_does_not_turn_are_not_judged():
    body, state = PERSON
    assert forearm_warnings(body, state, seen(1.2, frames=9)) == ()
    still = replace(state, global_orient=state.global_orient[:1].expand(FRAMES, 3))
    assert forearm_warnings(body, still, seen(1.2)) == ()


def test_a_turn_is_counted_whichever_way_it_goes():
    state = PERSON[1]
    expected = 2 * np.pi * (FRAMES - 1) / FRAMES
    back = replace(state, global_orient=torch.flip(state.global_orient, [0]))
    assert turned(state) == pytest.approx(expected, abs=0.02)
    assert turned(back) == pytest.approx(expected, abs=0.02)
