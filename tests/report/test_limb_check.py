"""Limbs that point elsewhere than the detector has seen them are named; noise alone names none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Capture
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.capture.types import LimbDirections
from fit_avatar.report.limb_check import limb_angles, limb_warnings

BODY, FRAMES = load_body(), 12
TURN = turning_person(BODY, FRAMES)


def capture(noise_rad: float, sigma_rad: float = 0.2) -> Capture:
    """Return a capture whose limbs point where the turning person's do, with noise."""
    points = (BODY.keypoint_regressor @ TURN.vertices).numpy()
    ends = np.array([[BODY_25.index(end) for end in limb.split("-")] for limb in LIMBS])
    along = points[:, ends[:, 1]] - points[:, ends[:, 0]]
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    along += np.random.default_rng(0).normal(0, noise_rad, along.shape)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    sigma = np.full(along.shape[:2], sigma_rad, np.float32)
    limbs = LimbDirections(tuple(LIMBS), along.astype(np.float32), sigma)
    nothing = np.zeros((FRAMES, 25, 3), np.float32), np.zeros((FRAMES, 8, 8), bool)
    return Capture(np.arange(FRAMES), *nothing, CAMERA, np.ones(FRAMES, np.float32), limb_directions=limbs)


def bent_forearm():
    pose = TURN.state.body_pose.clone()
    pose[:, BODY.joint_names.index("left_elbow") - 1] = torch.tensor([0.0, -math.radians(100), 0.0])
    return replace(TURN.state, body_pose=pose)


def test_angles_are_those_of_the_noise() -> None:
    limbs = capture(0.1).limb_directions
    assert limbs is not None
    angles = limb_angles(BODY, TURN.state, limbs)
    assert angles.shape == (FRAMES, len(LIMBS))
    assert 0.05 < float(np.median(angles)) < 0.2


def test_a_right_fit_is_not_called_wrong() -> None:
    assert limb_warnings(BODY, TURN.state, capture(0.2)) == ()


def test_a_wrong_limb_is_named_and_the_others_are_not() -> None:
    (warning,) = limb_warnings(BODY, bent_forearm(), capture(0.1))
    assert "left forearm" in warning and f"of {FRAMES} frames" in warning


def test_directions_that_are_uncertain_or_unknown_say_nothing() -> None:
    assert limb_warnings(BODY, bent_forearm(), capture(0.1, sigma_rad=0.5)) == ()
    assert limb_warnings(BODY, bent_forearm(), replace(capture(0.1), limb_directions=None)) == ()
