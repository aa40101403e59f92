"""What a clip shows, as tensors and as a mapping for terms."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from synthetic import CAMERA

from fit_avatar.body import load_body
from fit_avatar.body.face_points import default_face_points
from fit_avatar.capture import Capture
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.limb_directions import limb_directions
from fit_avatar.energies.motion import CUT
from fit_avatar.fitting import Observations
from fit_avatar.fitting.observations import ACROSS_CUT

FRAMES = 8


def observations(weights=None, **changes):
    keypoints = np.ones((FRAMES, 25, 3), np.float32)
    masks = np.zeros((FRAMES, 40, 32), bool)
    masks[:, 8:30, 10:20] = True
    weights = np.ones(FRAMES, np.float32) if weights is None else weights
    capture = Capture(np.arange(FRAMES), keypoints, masks, CAMERA, weights, **changes)
    return Observations.of(capture, torch.device("cpu"))


def test_some_frames_keep_their_times():
    whole = observations()
    some = whole.frames(torch.tensor([0, 2, 6]))
    assert (some.frame_intervals_s * 30).tolist() == pytest.approx([2, 4])
    assert (whole.frame_intervals_s * 30).tolist() == pytest.approx([1] * 7)
    assert len(some.contours.points) == len(some.masks) == len(some.keypoints) == 3


def test_intervals_are_bounded():
    sparse = observations(fps=1.0)
    assert (sparse.frame_intervals_s * 30).tolist() == pytest.approx([4] * 7)  # a second apart says no more
    gap = observations().frames(torch.tensor([0, 1, 2, 7]))
    assert (gap.frame_intervals_s * 30).tolist() == pytest.approx([1, 1, 4])


def test_nothing_goes_on_across_a_cut():
    cut = observations(pieces=np.array([0, 0, 0, 1, 1, 1, 1, 2]))
    assert (cut.frame_intervals_s * 30).tolist() == pytest.approx([1, 1, ACROSS_CUT, 1, 1, 1, ACROSS_CUT])
    some = cut.frames(torch.tensor([1, 4, 5]))
    assert (some.frame_intervals_s[0] / some.frame_intervals_s[1]).item() > CUT
    assert "pieces" not in cut


def test_the_turns_of_a_camera_are_observed_unless_it_went_around():
    turns = Rotation.from_euler("y", np.arange(FRAMES), degrees=True).as_matrix()
    pan, orbit = (
        observations(camera_motion=CameraMotion(mode, np.arange(FRAMES), turns, 1.0)) for mode in ("pan", "orbit")
    )
    some = pan.frames(torch.tensor([0, 5]))
    np.testing.assert_allclose(some["world_from_camera"], turns[[0, 5]], atol=1e-6)
    assert "world_from_camera" not in orbit
    assert observations().contact.max() > 0 and pan.contact.max() == 0  # a foot that stands moves before the camera


def test_masks_say_nothing_about_hands_in_bad_frames_and_beside_others():
    weights = np.ones(FRAMES, np.float32)
    weights[2] = 0
    seen = observations(weights)
    assert (seen.beyond_mask.values.amax((1, 2)) > 0).tolist() == [True, True, False] + 5 * [True]
    assert len(seen.frames(torch.tensor([0, 2])).beyond_mask.values) == 2
    others = np.zeros((FRAMES, 20, 16), bool)
    assert observations(other_people=others).beyond_mask.values.max() == 0


def test_a_mapping_of_what_is_there():
    seen = observations()
    names = {"keypoints", "contours", "camera", "frame_intervals_s", "contact", "distance_field", "soft_mask"}
    names |= {"beyond_mask", "hat", "hair_behind", "bare_neck", "bare_head"}
    assert set(seen) == names and len(seen) == len(names)
    assert seen["keypoints"] is seen.keypoints and "height_m" not in seen and "masks" not in seen
    with pytest.raises(KeyError):
        seen["hands"]


@pytest.mark.parametrize(("ears_hidden", "behind"), [(False, True), (True, False), (None, False)])
def test_hair_hangs_behind_ears_that_are_seen(monkeypatch, ears_hidden, behind):
    monkeypatch.setattr("fit_avatar.fitting.observations.has_hair_beside_neck", lambda *_: torch.tensor(True))
    seen = observations(ears_hidden=ears_hidden)
    assert seen.hair_behind.item() == behind and ("bare_neck" in seen) != behind


def test_a_head_is_bare_or_below_a_hat(monkeypatch):
    brim = torch.zeros(2, FRAMES, 5, dtype=torch.bool)
    for worn, names in (([], {"bare_head"}), ([0], set()), ([0, 1], {"below_hat"})):
        brim[worn, 2, 3] = True
        monkeypatch.setattr("fit_avatar.fitting.observations.hat_points", lambda *_: brim.clone())
        assert {"bare_head", "below_hat"} & set(observations()) == names


def test_terms_may_ask_for_points_by_the_name_of_their_set(body):
    points = np.random.default_rng(0).random((FRAMES, 468, 3)).astype(np.float32)
    world = np.random.default_rng(1).uniform(0.1, 1, (FRAMES, 33, 4)).astype(np.float32)
    limbs = limb_directions(world)
    seen = observations(point_sets={"face_468": points}, limb_directions=limbs).for_body(body)
    assert {"face_468", "limb_directions", "limb_precision"} < set(seen)
    assert "face" not in seen and "left_hand_21" not in seen and "point_sets" not in seen
    torch.testing.assert_close(seen["face_468"], torch.from_numpy(points))
    some = seen.frames(torch.tensor([1, 3]))
    torch.testing.assert_close(some["face_468"], torch.from_numpy(points[[1, 3]]))
    torch.testing.assert_close(some["limb_directions"], torch.from_numpy(limbs.directions[[1, 3]]))
    torch.testing.assert_close(some["limb_precision"], torch.from_numpy(1 / limbs.sigma_rad[[1, 3]]))


def test_the_heads_pose_is_known_where_a_face_was_found_on_a_body_whose_points_are_known():
    body = load_body()
    assert "head_pose" not in observations().for_body(body)
    points = default_face_points()
    places = torch.from_numpy(points.on(body.template.double().numpy())).float()
    places = (places - places.mean(0)) * torch.tensor([1.0, -1.0, -1.0]) + torch.tensor([0.0, 0.0, 1.0])
    face = np.zeros((FRAMES, 468, 3), np.float32)
    face[:, points.index] = torch.cat([CAMERA.project(places), torch.ones(len(places), 1)], -1).numpy()
    weights = np.linspace(0, 1, FRAMES, dtype=np.float32)
    seen = observations(weights, point_sets={"face_468": face})
    assert "head_pose" not in seen and "head_pose" in list(seen.for_body(body))
    pose = seen.for_body(body)["head_pose"]
    torch.testing.assert_close(pose.confidence, pose.confidence[-1] * torch.from_numpy(weights))
    assert pose.confidence[-1] > 0.1
    torch.testing.assert_close(
        pose.rotations[1:], torch.diag(torch.tensor([1.0, -1, -1])).expand(7, 3, 3), atol=0.05, rtol=0
    )
    assert len(seen.for_body(body).frames(torch.tensor([1, 5])).head_pose.confidence) == 2


def test_confidence_follows_the_frames_weights():
    weights = np.linspace(0, 1, FRAMES, dtype=np.float32)
    seen = observations(weights)
    torch.testing.assert_close(seen.keypoints[:, 0, 2], torch.from_numpy(weights))
    torch.testing.assert_close(seen.contours.weights.amax(1), torch.from_numpy(weights))


def test_landmarks_that_the_body_lacks_are_left_out(body):
    seen = observations(hands=np.zeros((FRAMES, 2, 21, 3), np.float32))
    assert "hands" in seen and "hands" not in seen.for_body(body)


def test_where_the_faces_points_lie_is_known_of_the_default_body_alone(body):
    assert "face_points" in observations().for_body(load_body())
    assert "face_points" not in observations().for_body(body)


def test_keypoints_that_are_no_numbers_say_nothing():
    keypoints = np.ones((3, 25, 3), np.float32)
    keypoints[0, 4] = np.nan
    keypoints[1, 5, 2] = np.nan
    keypoints[2, 6, 0] = np.inf
    capture = Capture(np.arange(3), keypoints, np.zeros((3, 8, 8), bool), CAMERA, np.ones(3, np.float32))
    seen = Observations.of(capture, torch.device("cpu")).keypoints
    assert seen.isfinite().all() and seen[..., 2].sum() == 72
    assert seen[[0, 1, 2], [4, 5, 6], 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("found_by", "known"), [("MediaPipe", True), ("OpenPose", False), ("keypoints", False)])
def test_where_keypoints_are_usually_seen_is_known_of_the_built_in_detector_alone(found_by, known):
    seen = observations(sources={"keypoints": found_by}).for_body(load_body())
    assert ("keypoint_offsets" in seen) == known and "built_in_detector" not in seen
    assert ("keypoint_views" in seen) == known
    assert not known or (seen["keypoint_offsets"].shape == (25, 3) and seen["keypoint_views"].shape == (25, 5))
