"""Limbs that point elsewhere than the detector sees them, or that pictures do not tell, are named; noise names none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Capture
from fit_avatar.capture.limb_directions import LIMBS
from fit_avatar.capture.types import LimbDirections
from fit_avatar.report.limb_check import LIMBS_OF_A_PERSON, LimbTrust, limb_trust, limb_warnings

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


def posed(**turns: tuple[float, float, float]) -> BodyState:
    """Return the turning person with some joints turned, by axis-angles in degrees."""
    pose = TURN.state.body_pose.clone()
    for joint, turn in turns.items():
        pose[:, BODY.joint_names.index(joint) - 1] = torch.tensor([math.radians(angle) for angle in turn])
    return replace(TURN.state, body_pose=pose)


def bent_forearm() -> BodyState:
    return posed(left_elbow=(0.0, -100.0, 0.0))


def facing_the_camera(state: BodyState) -> BodyState:
    """Return a state whose frames all face the camera."""
    return replace(state, global_orient=state.global_orient.new_tensor([math.pi, 0, 0]).expand_as(state.global_orient))


def of(name: str, state: BodyState, seen: Capture) -> LimbTrust:
    return next(limb for limb in limb_trust(BODY, state, seen) if limb.name == name)


def warnings(state: BodyState, seen: Capture) -> tuple[str, ...]:
    return limb_warnings(limb_trust(BODY, state, seen))


def test_every_limb_is_judged_and_angles_are_those_of_the_noise() -> None:
    limbs = limb_trust(BODY, TURN.state, capture(0.1))
    assert [limb.name for limb in limbs] == list(LIMBS_OF_A_PERSON)
    assert all(limb.compared == limb.frames == FRAMES and limb.off == 0 for limb in limbs)
    assert all(limb.off_deg is not None and 2 < limb.off_deg < 12 for limb in limbs)


def test_a_right_fit_is_not_called_wrong() -> None:
    assert warnings(TURN.state, capture(0.2)) == ()


def test_a_limb_off_the_detector_is_named_and_the_others_are_not() -> None:
    (warning,) = warnings(bent_forearm(), capture(0.1))
    assert "left forearm is more than 50°" in warning and f"of {FRAMES} frames" in warning


def test_directions_that_are_uncertain_or_unknown_say_nothing() -> None:
    assert warnings(bent_forearm(), capture(0.1, sigma_rad=0.5)) == ()
    unknown = replace(capture(0.1), limb_directions=None)
    assert warnings(bent_forearm(), unknown) == () and of("left forearm", TURN.state, unknown).off_deg is None


@pytest.mark.parametrize(("limb", "named"), [("left forearm", False), ("left thigh", True)])
def test_the_detector_errs_more_often_in_arms(limb: str, named: bool) -> None:
    found = of(limb, TURN.state, capture(0.1))
    assert bool(limb_warnings((replace(found, off=4),))) is named  # in a third of the frames


def test_an_upper_arm_behind_its_forearm_is_named_though_the_detector_agrees() -> None:
    state = facing_the_camera(posed(left_shoulder=(0.0, -40.0, -60.0), left_elbow=(0.0, -50.0, 0.0)))
    nothing = replace(capture(0.1), limb_directions=None)
    found = of("left upper arm", state, nothing)
    assert found.doubtful == FRAMES and found.other_way_deg is not None and found.other_way_deg > 40
    (warning,) = warnings(state, nothing)
    assert warning.startswith(f"The left upper arm may be in the wrong place in {FRAMES} of {FRAMES} frames")
    assert of("right upper arm", state, nothing).doubtful == 0 and of("left forearm", state, nothing).doubtful == 0


def test_a_straight_arm_or_one_in_the_plane_of_the_picture_is_not_doubtful() -> None:
    nothing = replace(capture(0.1), limb_directions=None)
    in_plane = facing_the_camera(posed(left_shoulder=(0.0, 0.0, -60.0), left_elbow=(0.0, -90.0, 0.0)))
    assert warnings(in_plane, nothing) == ()
    assert warnings(facing_the_camera(TURN.state), nothing) == ()


def test_hidden_ends_are_counted() -> None:
    seen = capture(0.1)
    points = seen.keypoints.copy()
    points[..., 2] = 1
    points[:4, BODY_25.index("left_wrist"), 2] = 0.1
    seen = replace(seen, keypoints=points)
    assert of("left forearm", TURN.state, seen).hidden == 4 and of("left upper arm", TURN.state, seen).hidden == 0
