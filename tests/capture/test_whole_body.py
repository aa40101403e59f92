"""Face, hands and metric points beside the body, with left and right as they were corrected."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import write_openpose
from test_blazepose import FORBID_SOCKETS

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR, MEDIAPIPE_33, MEDIAPIPE_33_MIRROR
from fit_avatar.capture import Camera
from fit_avatar.capture.assemble import assemble_capture
from fit_avatar.capture.blazepose import Part, Region
from fit_avatar.capture.camera import undistort_points
from fit_avatar.capture.images import observe_images
from fit_avatar.capture.mediapipe_pose import Detection, to_body_25
from fit_avatar.capture.observe import observe
from fit_avatar.capture.point_sets import WORLD
from fit_avatar.capture.video import read_frames
from fit_avatar.capture.whole_body import exchanged, find_whole_body, removed

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "assets" / "demo.mp4"
SIZE = 200
PICTURE = np.zeros((SIZE, SIZE, 3), np.uint8)
REGION = Region(0.0, 0.0, 1.0)


def detection(seed: int = 0) -> Detection:
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(10, SIZE - 10, (33, 4)).astype(np.float32)
    landmarks[:, 2:] = 0, 0.9
    keypoints = to_body_25(landmarks, SIZE, SIZE)
    keypoints[:, 2] = 0.9
    return Detection(keypoints, np.zeros((4, 4), np.uint8), rng.normal(size=(33, 3)).astype(np.float32), landmarks)


class FaceStandIn:
    """A face whose first point is the nose."""

    def estimate(self, picture: np.ndarray, pose: np.ndarray, before: Part | None) -> Part | None:
        assert before is None or before.score == 0.5
        points = np.zeros((468, 2), np.float32) + pose[0, :2]
        points[5] = -3, 20  # outside
        return Part(points, 0.5, REGION, REGION)


class HandStandIn:
    """Hands at the wrists, where they are visible."""

    def estimate(self, picture: np.ndarray, pose: np.ndarray, before: object) -> tuple[Part | None, Part | None]:
        def hand(wrist: np.ndarray) -> Part | None:
            return Part(np.zeros((21, 2), np.float32) + wrist[:2], 0.7, REGION, REGION) if wrist[3] > 0.1 else None

        return hand(pose[15]), hand(pose[16])


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["fit_avatar.capture.whole_body"]
    monkeypatch.setattr(module, "FaceEstimator", FaceStandIn)
    monkeypatch.setattr(module, "HandEstimator", HandStandIn)


def pictures(*indices: int) -> Iterator[tuple[int, np.ndarray]]:
    return ((index, PICTURE) for index in indices)


def test_all_sets_are_there(stand_ins: None) -> None:
    found = {4: detection(0), 7: detection(1)}
    told: list[tuple[str, int, int]] = []
    sets = find_whole_body(
        pictures(4, 7), [4, 7], found, {i: d.keypoints for i, d in found.items()}, lambda *done: told.append(done)
    )
    assert {name: points.shape for name, points in sets.items()} == {
        "body_33": (2, 33, 3),
        "face_468": (2, 468, 3),
        "left_hand_21": (2, 21, 3),
        "right_hand_21": (2, 21, 3),
        WORLD: (2, 33, 4),
        "face_70": (2, 70, 3),
    }
    landmarks = found[7].landmarks
    assert landmarks is not None
    assert (sets["body_33"][1] == landmarks[:, [0, 1, 3]]).all()
    assert (sets["left_hand_21"][1, :, :2] == landmarks[15, :2]).all()
    assert np.allclose(sets["left_hand_21"][..., 2], 0.7) and sets["face_468"][0, 0, 2] == 0.5
    assert sets["face_468"][0, 5, 2] == 0  # outside the picture
    assert [done[1:] for done in told] == [(1, 2), (2, 2)]


def test_exchanged_arms_take_hands_and_metric_points_with_them(stand_ins: None) -> None:
    found = detection()
    landmarks, metres = found.landmarks, found.world
    assert landmarks is not None and metres is not None
    arms = [2, 3, 4, 5, 6, 7]
    after = found.keypoints.copy()
    after[arms] = found.keypoints[[BODY_25_MIRROR[k] for k in arms]]
    sets = find_whole_body(pictures(0), [0], {0: found}, {0: after})
    mirror = list(MEDIAPIPE_33_MIRROR)
    of_arms = [k for k, name in enumerate(MEDIAPIPE_33) if name.split("_")[1:] and 11 <= k <= 22]
    rest = [k for k in range(33) if k not in of_arms]
    assert (sets["body_33"][0, of_arms, :2] == landmarks[mirror][of_arms, :2]).all()
    assert (sets["body_33"][0, rest, :2] == landmarks[rest, :2]).all()
    assert (sets[WORLD][0, of_arms, :3] == metres[mirror][of_arms]).all()
    assert (sets[WORLD][0, rest, :3] == metres[rest]).all()
    assert (sets["left_hand_21"][0, :, :2] == landmarks[16, :2]).all()
    assert (sets["right_hand_21"][0, :, :2] == landmarks[15, :2]).all()


def test_a_wrist_that_was_found_to_be_wrong_has_no_hand(stand_ins: None) -> None:
    found = detection()
    after = found.keypoints.copy()
    after[7] = 0
    assert np.flatnonzero(removed(found.keypoints, after)).tolist() == [15, 17, 19, 21]
    assert not exchanged(found.keypoints, after).any()
    sets = find_whole_body(pictures(0), [0], {0: found}, {0: after})
    assert "left_hand_21" not in sets and "right_hand_21" in sets
    assert (sets["body_33"][0, [15, 17, 19, 21], 2] == 0).all() and (sets[WORLD][0, [15, 17, 19, 21], 3] == 0).all()


def test_an_exchanged_wrist_outlives_the_removal_of_the_other_one(stand_ins: None) -> None:
    found = detection()
    after = found.keypoints.copy()
    after[7], after[4] = found.keypoints[4], 0  # the "right" wrist was the left one; the right one was nowhere
    sets = find_whole_body(pictures(0), [0], {0: found}, {0: after})
    assert found.landmarks is not None
    assert (sets["left_hand_21"][0, :, :2] == found.landmarks[16, :2]).all() and "right_hand_21" not in sets


def test_a_frame_that_does_not_decode_again_shows_nothing(stand_ins: None) -> None:
    found = {0: detection(0), 1: detection(1), 2: detection(2)}
    sets = find_whole_body(pictures(0, 2), [0, 1, 2], found, {i: d.keypoints for i, d in found.items()})
    assert (sets["body_33"][1] == 0).all() and (sets["body_33"][[0, 2], :, 2] > 0).all()


def test_a_detector_without_landmarks_gives_no_sets() -> None:
    found = detection()
    plain = Detection(found.keypoints, found.probability)
    assert find_whole_body(pictures(0), [0], {0: plain}, {0: plain.keypoints}) == {}


def test_lens_distortion_is_undone_in_all_sets(stand_ins: None) -> None:
    found = detection()
    sets = find_whole_body(pictures(0), [0], {0: found}, {0: found.keypoints})
    camera = Camera(200.0, 200.0, 100.0, 100.0, SIZE, SIZE, (-0.2, 0.0, 0.0, 0.0, 0.0))
    points = np.zeros((1, 137, 3), np.float32)
    points[:, :25] = found.keypoints
    capture = assemble_capture(
        points, [np.ones((SIZE, SIZE), bool)], camera, sets, frame_indices=np.arange(1), frame_weights=np.ones(1)
    )
    assert capture.point_sets.keys() == sets.keys() | {"body_25"}
    assert (capture.point_sets["body_25"] == capture.keypoints).all()
    for name in ("body_33", "face_468", "left_hand_21"):
        assert np.allclose(capture.point_sets[name], undistort_points(sets[name], camera))
        assert not np.allclose(capture.point_sets[name], sets[name], atol=0.1)
    assert not np.allclose(capture.point_sets[WORLD], sets[WORLD], atol=1e-3)
    assert capture.limb_directions is not None and capture.face is None and capture.hands is not None
    assert (capture.hands[:, 0] == capture.point_sets["left_hand_21"]).all()


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth frame of the bundled clip, at half the size."""
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (540, 540))
    for _, picture in read_frames(DEMO, list(range(0, 120, 10))):
        writer.write(cv2.resize(picture, (540, 540), interpolation=cv2.INTER_AREA))
    writer.release()
    return path


def test_a_clip_is_seen_whole(small_clip: Path) -> None:
    capture = observe(small_clip, camera=Camera(750.0, 750.0, 270.0, 270.0, 540, 540), frames=6)
    sets, count = capture.point_sets, len(capture.frame_indices)
    assert {name: points.shape[:2] for name, points in sets.items()} == {
        "body_25": (count, 25),
        "body_33": (count, 33),
        "face_468": (count, 468),
        "face_70": (count, 70),
        "left_hand_21": (count, 21),
        "right_hand_21": (count, 21),
        WORLD: (count, 33),
    }
    assert 0 < (sets["face_468"][..., 2] > 0).any(1).sum() < count  # the person turns around
    limbs = capture.limb_directions
    assert limbs is not None and limbs.directions.shape == (count, len(limbs.limbs), 3)
    shins = limbs.directions[:, limbs.limbs.index("left_knee-left_ankle")]
    assert (shins[:, 1] > 0.9).all()  # downwards
    assert capture.face is None and capture.hands is not None  # the fit reads hands, and of the face all 468 points
    assert (capture.hands[:, 1] == sets["right_hand_21"]).all()


def test_photographs_are_seen_whole(small_clip: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in (0, 5)]  # from the front and from the back
    for path, (_, picture) in zip(paths, read_frames(small_clip, [0, 6]), strict=True):
        cv2.imwrite(str(path), picture)
    capture = observe_images(paths, camera=Camera(750.0, 750.0, 270.0, 270.0, 540, 540))
    assert (capture.point_sets["face_468"][..., 2] > 0).any(1).tolist() == [True, False]
    assert capture.point_sets["body_33"].shape == (2, 33, 3) and capture.limb_directions is not None
    given = {"keypoints": write_openpose(tmp_path / "kp", [[each] for each in capture.keypoints])}
    without = observe_images(paths, camera=Camera(750.0, 750.0, 270.0, 270.0, 540, 540), **given)
    assert list(without.point_sets) == ["body_25"] and without.limb_directions is None  # what is given wins


def test_no_connection_is_ever_opened() -> None:
    code = FORBID_SOCKETS + (
        "from pathlib import Path\n"
        "from fit_avatar.capture.blazepose import FaceEstimator, HandEstimator, PoseEstimator\n"
        "from fit_avatar.capture.video import read_frames\n"
        "pose, face, hands = PoseEstimator(), FaceEstimator(), HandEstimator()\n"
        f"for _, picture in read_frames(Path({str(DEMO)!r}), list(range(0, 40, 10))):\n"
        "    found = pose.estimate(picture)\n"
        "    face.estimate(picture, found.landmarks), hands.estimate(picture, found.landmarks)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
