"""The person's keypoints in the frames that are not fitted: given, followed, or found among several people."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, frame, person, write_masks, write_openpose, write_video

from fit_avatar.capture import Capture, camera_from, observe
from fit_avatar.capture.blazepose import Pose, Region
from fit_avatar.capture.camera import undistort_points
from fit_avatar.capture.every_frame import EveryFrame, observe_every_frame
from fit_avatar.capture.mediapipe_pose import to_body_25
from fit_avatar.capture.points import NUM_POINTS
from fit_avatar.capture.source import Source
from fit_avatar.errors import BadInputError

SHIFTS = [float(s) for s in range(-12, 12)]
CAMERA = replace(camera_from(WIDTH, HEIGHT, focal_px=150)[0], k=(0.1, 0.0, 0.0, 0.0, 0.0))
MODULE = "fit_avatar.capture.every_frame"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a figure that moves sideways, in pictures of a lens with distortion."""
    folder = tmp_path_factory.mktemp("clip")
    write_video(folder / "clip.mp4", [frame(s) for s in SHIFTS])
    write_masks(folder / "masks", [person(s)[0] for s in SHIFTS])
    write_openpose(folder / "keypoints", [[person(s)[1]] for s in SHIFTS])
    return folder


@pytest.fixture(scope="module")
def capture(folder: Path) -> Capture:
    given = {name: folder / name for name in ("keypoints", "masks")}
    return observe(folder / "clip.mp4", camera=CAMERA, frames=6, **given)


def bodies() -> np.ndarray:
    """Return the figure's points in every frame, without distortion. [F, 25, 3]"""
    return undistort_points(np.stack([person(s)[1] for s in SHIFTS]), CAMERA)


def look(folder: Path, capture: Capture, **options: object) -> EveryFrame:
    return observe_every_frame(folder / "clip.mp4", capture, camera=CAMERA, **options)  # type: ignore[arg-type]


def test_given_keypoints_are_those_of_every_frame(folder: Path, capture: Capture) -> None:
    found = look(folder, capture, keypoints=folder / "keypoints")
    assert len(capture.frame_indices) == 6
    np.testing.assert_allclose(found.keypoints, bodies(), atol=0.01)
    np.testing.assert_array_equal(found.keypoints[capture.frame_indices], capture.keypoints)
    np.testing.assert_allclose(found.times_s, np.arange(len(SHIFTS)) / 25, atol=1e-3)
    assert found.warnings == ()
    source = Source(CAMERA, folder / "clip.mp4", keypoints=folder / "keypoints")
    again = source.every_frame(capture)
    assert np.array_equal(again.keypoints, found.keypoints)
    with pytest.raises(BadInputError, match="photographs have no frames between"):
        Source(CAMERA, images=(folder / "a.png",)).every_frame(capture)


def test_keypoints_for_another_picture_size_are_put_right_as_in_the_capture(folder: Path, tmp_path: Path) -> None:
    halves = [person(s)[1] * np.float32([0.5, 0.5, 1]) for s in SHIFTS]
    write_openpose(tmp_path / "keypoints", [[half] for half in halves])
    given = {"keypoints": tmp_path / "keypoints"}
    capture = observe(folder / "clip.mp4", camera=CAMERA, frames=6, masks=folder / "masks", **given)
    assert "multiplied by 2" in " ".join(capture.warnings)
    np.testing.assert_allclose(look(folder, capture, **given).keypoints, bodies(), atol=0.02)


def test_keypoints_that_are_not_those_of_the_capture_are_left_out_and_told(folder: Path, capture: Capture) -> None:
    moved = replace(capture, keypoints=capture.keypoints + np.float32([5, 0, 0]))
    found = look(folder, moved, keypoints=folder / "keypoints")
    others = np.setdiff1d(np.arange(len(SHIFTS)), capture.frame_indices)
    assert (found.keypoints[others] == 0).all()
    (told,) = found.warnings
    assert told.startswith("The keypoints in keypoints could not be used between the fitted frames")


class Follower:
    """A stand-in for the pose models: finds the figure by its colour, and remembers where it was told to look."""

    told: list[Region | None]

    def __init__(self, landmark_model: Path | None = None) -> None:
        Follower.told = []

    def estimate(self, picture: np.ndarray, region: Region | None = None) -> Pose | None:
        Follower.told.append(region)
        lost = len(Follower.told) in (4, 7, 8)
        if lost:
            return None
        middle = float(np.nonzero(picture[..., 2].astype(int) - picture[..., 1] > 70)[1].mean())
        landmarks = np.zeros((33, 4), np.float32)
        landmarks[:, :2], landmarks[:, 3] = (middle, 40), 0.9
        return Pose(
            landmarks, np.zeros((33, 3), np.float32), np.zeros((2, 2), np.float32), Region(0, 0, 1),
            Region(middle, 64.0, 100.0),
        )  # fmt: skip


def test_the_default_detector_follows_the_person(
    folder: Path, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[MODULE], "PoseEstimator", Follower)
    seen: list[tuple[str, int, int]] = []
    found = look(folder, capture, progress=lambda *step: seen.append(step))
    others = np.setdiff1d(np.arange(len(SHIFTS)), capture.frame_indices)
    np.testing.assert_array_equal(found.keypoints[capture.frame_indices], capture.keypoints)
    known = found.keypoints[others, 8, 2] > 0
    # The 4th look fails and is repeated everywhere (the 5th); the 7th and its repetition fail, so one frame has nobody.
    assert np.flatnonzero(~known).tolist() == [5]
    expected = [undistort_points(to_body_25(_landmarks(SHIFTS[i]), WIDTH, HEIGHT), CAMERA)[8, 0] for i in others[known]]
    np.testing.assert_allclose(found.keypoints[others[known], 8, 0], expected, atol=2.0)
    told = Follower.told
    assert [i for i, region in enumerate(told) if region is None] == [0, 4, 7, 8]
    assert seen[-1] == ("Finding the person in every frame", len(others), len(others))


def _landmarks(shift: float) -> np.ndarray:
    landmarks = np.zeros((33, 4), np.float32)
    landmarks[:, :2], landmarks[:, 3] = (WIDTH / 2 + shift, 40), 0.9
    return landmarks


def test_another_detectors_person_is_the_one_who_is_fitted(
    folder: Path, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finder:
        def __enter__(self) -> Finder:
            return self

        def __exit__(self, *_: object) -> None: ...

        def detect(self, picture: np.ndarray) -> np.ndarray:
            middle = float(np.nonzero(picture[..., 2].astype(int) - picture[..., 1] > 70)[1].mean())
            people = np.zeros((2, NUM_POINTS, 3), np.float32)
            people[0, :25] = person(200)[1]
            people[1, :25] = person(middle - WIDTH / 2)[1]
            return people

    monkeypatch.setattr(sys.modules[MODULE], "make_detector", lambda name: Finder())
    found = look(folder, capture, detector="rtmlib")
    np.testing.assert_allclose(found.keypoints[..., :2], bodies()[..., :2], atol=2.0)


def test_a_clip_that_is_used_whole_needs_no_detector(
    folder: Path, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {name: folder / name for name in ("keypoints", "masks")}
    whole = observe(folder / "clip.mp4", camera=CAMERA, **given)
    monkeypatch.setattr(sys.modules[MODULE], "PoseEstimator", None)
    np.testing.assert_array_equal(look(folder, whole).keypoints, whole.keypoints)


def test_times_ascend_and_cover_all_used_frames(
    folder: Path, capture: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = np.array([0.0, 0.04, 0.04, 0.03, 0.2])
    monkeypatch.setattr(sys.modules[MODULE], "frame_times", lambda path, fps: stated)
    times = look(folder, capture, keypoints=folder / "keypoints").times_s
    assert len(times) == capture.frame_indices[-1] + 1 and (np.diff(times) > 0).all()
    np.testing.assert_allclose(times[:6], [0, 0.04, 0.04, 0.04, 0.2, 0.24], atol=1e-4)
