"""Poses between fitted frames: nearer to the truth than interpolated ones, and fitted poses as they were."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from walking_person import CAMERA, Walk, walk

from fit_avatar.body import load_body, rotation
from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.fitting import FitState
from fit_avatar.fitting.motion import DEFAULT_MOTION, solve_motion, turned
from fit_avatar.solvers import Unknowns

BODY = load_body()
EVEN = np.arange(60) / 25
GAP = slice(23, 27)  # between fitted frames 22 and 27
LIMBS = [BODY.joint_names.index(f"{side}_{name}") for side in ("left", "right") for name in ("knee", "ankle", "elbow")]


def solve(given, **changes):
    return solve_motion(BODY, given.state, given.capture, given.every, config=replace(DEFAULT_MOTION, **changes))


def interpolated(given):
    times = torch.from_numpy(given.times).float()
    return given.state.clip.interpolated(times[torch.from_numpy(given.fitted)], times)


def errors(given, found):
    """Return the mean distance of limbs' joints in each frame, in millimetres."""
    state = getattr(found, "motion", None)
    joints = Unknowns.of(BODY, found if state is None else state.state).posed_body().joints
    return 1000 * (joints - given.joints(given.truth))[:, LIMBS].norm(dim=-1).mean(-1).numpy()


@dataclass(frozen=True)
class Shaken:
    """A walk as a camera sees it that shakes."""

    walk: Walk
    turns: torch.Tensor  # [N, 3, 3], from the camera's axes to the world's

    def in_world(self, points: torch.Tensor) -> torch.Tensor:
        return torch.einsum("tij,tnj->tni", self.turns, points)


def shaken_walk(given: Walk) -> Shaken:
    """Return the walk, filmed by a camera that turns by one or two degrees at random from frame to frame."""
    turns = rotation.exp(0.02 * torch.randn(60, 3, generator=torch.Generator().manual_seed(4)))
    truth = turned(BODY, given.truth, turns.mT)
    pixels = [CAMERA.project(Unknowns.of(BODY, each).posed_body().keypoints).numpy() for each in (truth, given.truth)]
    keypoints = given.keypoints.copy()
    keypoints[..., :2] += pixels[0] - pixels[1]  # with the same noise
    return Shaken(replace(given, truth=truth, keypoints=keypoints), turns)


@pytest.fixture(scope="module")
def given():
    return walk(BODY, EVEN)


@pytest.fixture(scope="module")
def found(given):
    return solve(given)


def test_it_is_nearer_to_the_truth_than_interpolation(given, found):
    other = np.setdiff1d(np.arange(given.fitted[0], given.fitted[-1]), given.fitted)
    before, after = errors(given, interpolated(given))[other], errors(given, found)[other]
    assert before.mean() > 10 and after.mean() < 0.4 * before.mean()
    assert found.warnings == ()
    np.testing.assert_array_equal(found.motion.frame_indices, np.arange(60))
    np.testing.assert_array_equal(found.motion.times_s, EVEN)


def test_fitted_frames_keep_their_pose_and_the_shape_stays(given, found):
    fitted = given.state.body_state(BODY)
    for name in ("global_orient", "body_pose", "transl"):
        assert torch.equal(getattr(found.motion.state, name)[given.fitted], getattr(fitted, name)), name
    assert torch.equal(found.motion.state.betas, fitted.betas)
    assert torch.equal(found.motion.state.offsets, fitted.offsets)


def test_nothing_jumps_at_fitted_frames(given, found):
    def change(joints):
        return 1000 * joints.diff(n=2, dim=0)[:, LIMBS].norm(dim=-1).mean(-1).numpy()

    at = given.fitted[(given.fitted > 0) & (given.fitted < 59)] - 1
    usual = change(given.joints(given.truth))[at].mean()
    kinks = change(given.joints(interpolated(given)))[at].mean()
    solved = change(Unknowns.of(BODY, found.motion.state).posed_body().joints)[at].mean()
    assert kinks > 2 * usual and solved < 1.4 * usual


def test_a_camera_that_shakes_does_not_shake_the_person(given):
    """Told in the world, the motion is as near to the truth as a still camera's, though the picture jumps."""
    shaken = shaken_walk(given)
    moved = CameraMotion("handheld", np.arange(60), shaken.turns.double().numpy(), 1.0)
    errors_mm, roughness = [], []
    for camera_motion in (moved, None):
        capture = replace(shaken.walk.capture, camera_motion=camera_motion)
        found = solve_motion(BODY, shaken.walk.state, capture, shaken.walk.every).motion.state
        joints = shaken.in_world(Unknowns.of(BODY, found).posed_body().joints)[:, LIMBS]
        off = joints - given.joints(given.truth)[:, LIMBS]
        errors_mm.append(1000 * float(off.norm(dim=-1).mean()))
        roughness.append(float(off.diff(n=2, dim=0).norm(dim=-1).mean()))
    assert errors_mm[0] < 1.2 * errors(given, solve(given)).mean() and errors_mm[0] < errors_mm[1]
    assert roughness[0] < 0.5 * roughness[1]


def test_windows_do_not_show(given, found):
    small = solve(given, window=15, overlap=10)
    joints = [Unknowns.of(BODY, each.motion.state).posed_body().joints for each in (small, found)]
    assert (joints[0] - joints[1]).norm(dim=-1).max() < 0.004


def test_true_times_count(given):
    """The same frames a quarter of a second later in one place: interpolation by frame numbers would be wrong."""
    times = EVEN + 0.25 * (np.arange(60) > 24)
    late = walk(BODY, times)
    other = np.setdiff1d(np.arange(late.fitted[0], late.fitted[-1]), late.fitted)
    assert errors(late, solve(late))[other].mean() < 0.4 * errors(late, interpolated(late))[other].mean()


def test_exchanged_sides_are_put_right(given, found):
    keypoints = given.keypoints.copy()
    keypoints[GAP] = keypoints[GAP][:, list(BODY_25_MIRROR)]
    exchanged = solve(replace(given, keypoints=keypoints))
    assert errors(given, exchanged)[GAP].max() < 1.05 * errors(given, found)[GAP].max()
    long = given.keypoints.copy()
    long[30:36] = long[30:36][:, list(BODY_25_MIRROR)]
    told = solve(replace(given, keypoints=long))
    assert "left and right were exchanged in 5 frames between the fitted ones" in told.warnings[0]


@pytest.mark.parametrize("lost", ["nobody", "somebody else"])
def test_frames_of_no_use_stay_interpolated_and_are_told(given, lost):
    sparse = replace(given, fitted=np.array([2, 7, 12, 44, 49, 54]))
    keypoints = given.keypoints.copy()
    if lost == "nobody":
        keypoints[13:44] = 0
    else:
        keypoints[13:44, :, 0] += 600
    gap = solve(replace(sparse, keypoints=keypoints))
    assert gap.warnings == (
        "The person's keypoints are of no use in frames 13–43 of the clip, where poses are interpolated.",
    )
    joints = [Unknowns.of(BODY, s).posed_body().joints[13:44] for s in (gap.motion.state, interpolated(sparse))]
    assert (joints[0] - joints[1]).norm(dim=-1).max() < 0.1


def test_poses_are_held_outside_of_the_fitted_frames(given):
    some = replace(given, fitted=np.arange(30, 58, 4))
    keypoints = given.keypoints.copy()
    keypoints[:30] = 0
    held = solve(replace(some, keypoints=keypoints))
    assert held.warnings == (
        "The person's keypoints are of no use in frames 0–29 of the clip, where the nearest fitted pose is held.",
    )
    first = held.motion.state.transl[0] - held.motion.state.transl[30]
    assert first.norm() < 0.05
    seen = solve(some)  # their own keypoints tell where the person is
    assert seen.warnings == ()
    assert errors(given, seen)[20:30].mean() < 0.5 * errors(given, held)[20:30].mean()


def test_a_steady_error_of_the_detector_bends_nothing(given):
    """Keypoints that lie 12 pixels off in all frames say the same about the frames between as exact ones."""
    keypoints = given.keypoints.copy()
    keypoints[:, :, 0] += 12 * np.sin(np.arange(25))
    biased = solve(replace(given, keypoints=keypoints))
    other = np.setdiff1d(np.arange(given.fitted[0], given.fitted[-1]), given.fitted)
    assert errors(given, biased)[other].mean() < 0.6 * errors(given, interpolated(given))[other].mean()


def test_a_clip_that_is_fitted_whole_is_left_alone(given):
    whole = replace(given, fitted=np.arange(60))
    assert torch.equal(solve(whole).motion.state.body_pose, whole.state.body_state(BODY).body_pose)


def test_one_fitted_frame_is_enough(given):
    few = replace(given, fitted=np.array([10]), times=EVEN[:20], keypoints=given.keypoints[:20])
    motion = solve(few).motion
    assert len(motion.state.transl) == 20 and motion.state.transl.isfinite().all()


def test_noise_that_was_not_measured_is(given):
    state = FitState(given.state.clip)
    unmeasured = solve_motion(BODY, state, given.capture, given.every)
    assert errors(given, unmeasured).mean() < 0.5 * errors(given, interpolated(given)).mean()
