"""keypoints.npz holds what was observed, with the names of all points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fit_avatar.body import Body, BodyState
from fit_avatar.body.keypoint_sets import BODY_25, MEDIAPIPE_33
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.limb_directions import limb_directions
from fit_avatar.capture.point_sets import WORLD
from fit_avatar.export import write_avatar, write_keypoints


@pytest.fixture
def capture(state: BodyState) -> Capture:
    frames = len(state.transl)
    world = np.random.default_rng(0).uniform(0.1, 1, (frames, 33, 4)).astype(np.float32)
    return Capture(
        frame_indices=np.arange(frames) * 2,
        keypoints=np.full((frames, 25, 3), 0.5, np.float32),
        masks=np.zeros((frames, 4, 4), bool),
        camera=Camera(400.0, 400.0, 2.0, 2.0, 4, 4),
        frame_weights=np.ones(frames, np.float32),
        fps=30.0,
        point_sets={"left_hand_21": np.ones((frames, 21, 3), np.float32), WORLD: world},
        limb_directions=limb_directions(world),
    )


def test_all_sets_and_limbs_are_written(tmp_path: Path, capture: Capture) -> None:
    with np.load(write_keypoints(tmp_path / "keypoints.npz", capture)) as z:
        assert (z["body_25"] == capture.keypoints).all() and tuple(z["body_25_names"]) == BODY_25
        assert (z["left_hand_21"] == 1).all() and z["left_hand_21_names"][0] == "left_hand_0"
        assert (z[WORLD] == capture.point_sets[WORLD]).all() and tuple(z[f"{WORLD}_names"]) == MEDIAPIPE_33
        limbs = capture.limb_directions
        assert limbs is not None and tuple(z["limb_names"]) == limbs.limbs
        assert (z["limb_directions"] == limbs.directions).all() and (z["limb_sigma_rad"] == limbs.sigma_rad).all()
        assert np.allclose(z["times_s"], capture.frame_indices / 30) and z["image_size"].tolist() == [4, 4]
        assert (z["intrinsics"] == capture.camera.intrinsics).all() and "face_468" not in z


def test_an_avatar_has_them_if_anything_was_seen(
    tmp_path: Path, body: Body, state: BodyState, capture: Capture
) -> None:
    picture = np.full((8, 8, 3), 90, np.uint8)
    assert tmp_path / "keypoints.npz" in write_avatar(tmp_path, body, state, capture, picture)
    unseen = replace(capture, keypoints=np.zeros_like(capture.keypoints))  # as of an avatar that was loaded
    write_avatar(tmp_path / "loaded", body, state, unseen, picture)
    assert not (tmp_path / "loaded" / "keypoints.npz").exists()
