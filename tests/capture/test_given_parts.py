"""Faces and hands that are given without a body join the body that is found."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, FigureDetector, frame, person, write_video

from fit_avatar.capture import camera_from, observe
from fit_avatar.capture.every_frame import observe_every_frame
from fit_avatar.capture.given_parts import GivenParts, without_bodies
from fit_avatar.capture.points import LEFT_HAND, NUM_POINTS, RIGHT_HAND
from fit_avatar.errors import BadInputError

SHIFTS = [float(s) for s in range(-12, 12, 2)]
ONCE = np.ones(3, np.float32)


def body() -> np.ndarray:
    points = np.zeros((NUM_POINTS, 3), np.float32)
    points[:25] = person(0.0)[1]
    return points


def hand_at(wrist: np.ndarray, place: slice, away: float = 2.0) -> np.ndarray:
    points = np.zeros((NUM_POINTS, 3), np.float32)
    points[place] = (wrist[0] + away, wrist[1], 0.8)
    return points


def test_parts_are_told_from_bodies() -> None:
    hand = hand_at(body()[7], LEFT_HAND)
    assert without_bodies({0: hand[None], 1: hand[None][:0]})
    assert not without_bodies({0: hand[None], 1: body()[None]})
    assert not without_bodies({0: np.zeros((1, NUM_POINTS, 3), np.float32), 1: hand[None][:0]})


def test_each_hand_is_that_of_the_person_whose_wrist_it_is_at() -> None:
    mine, far = hand_at(body()[7], LEFT_HAND), hand_at(body()[7], LEFT_HAND, away=200.0)
    parts = GivenParts({0: np.stack([far, mine]), 1: far[None]}, Path("hands"))
    joined = parts.attach({0: body(), 1: body(), 2: body()}, ONCE)
    np.testing.assert_array_equal(joined[0][LEFT_HAND], mine[LEFT_HAND])
    np.testing.assert_array_equal(joined[0][:25], body()[:25])
    assert all((joined[k][25:] == 0).all() for k in (1, 2)) and (joined[0][RIGHT_HAND] == 0).all()
    half = GivenParts({0: (mine * (0.5, 0.5, 1.0))[None].astype(np.float32)}, Path("hands"))
    np.testing.assert_allclose(half.attach({0: body()}, np.array([2, 2, 1], np.float32))[0][LEFT_HAND], mine[LEFT_HAND])
    with pytest.raises(BadInputError, match="the faces and hands in hands lie on nobody"):
        GivenParts({0: far[None]}, Path("hands")).attach({0: body()}, ONCE)


def test_a_clip_with_hands_alone_gets_the_body_of_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["fit_avatar.capture.observer"], "MediaPipeDetector", FigureDetector)
    clip, folder = write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS]), tmp_path / "hands"
    folder.mkdir()
    for k, shift in enumerate(SHIFTS):
        hand = hand_at(person(shift)[1][7], LEFT_HAND)[LEFT_HAND]
        someone = {"pose_keypoints_2d": [], "hand_left_keypoints_2d": hand.ravel().tolist()}
        (folder / f"{k:06d}_keypoints.json").write_text(json.dumps({"people": [someone]}))
    camera, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
    capture = observe(clip, camera=camera, keypoints=folder, frames=6)
    assert any("hold face and hands alone" in warning for warning in capture.warnings)
    assert capture.sources["keypoints"] == "MediaPipe"
    assert capture.hands is not None
    np.testing.assert_allclose(capture.hands[:, 0, 3, :2], capture.keypoints[:, 7, :2] + (2, 0), atol=1.5)
    assert (capture.hands[:, 1] == 0).all()
    np.testing.assert_array_equal(capture.point_sets["left_hand_21"], capture.hands[:, 0])
    asked: list[list[int]] = []

    def find(video: Path, indices: list[int], advance: object) -> dict[int, np.ndarray]:
        asked.append(indices)
        return {}

    monkeypatch.setattr("fit_avatar.capture.every_frame._follow_person", lambda *_: find)
    observe_every_frame(clip, capture, camera=camera, keypoints=folder)
    assert len(asked) == 1
