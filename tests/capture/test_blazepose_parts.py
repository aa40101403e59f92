"""Face and hands where the pose says that they are; where MediaPipe's own package is installed, both agree."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.capture.blazepose import FaceEstimator, Following, HandEstimator, Part, PoseEstimator, Region, ssd
from fit_avatar.capture.blazepose.face import NUM_POINTS, head_region
from fit_avatar.capture.blazepose.hands import POSE_HANDS, hand_region
from fit_avatar.capture.blazepose.models import FACE_LANDMARKS
from fit_avatar.capture.blazepose.part import followed
from fit_avatar.capture.video import read_frames
from fit_avatar.errors import BadInputError

DEMO = Path(__file__).parents[2] / "assets" / "demo.mp4"
FRONT, BACK, SIDE = 0, 60, 36


@pytest.fixture(scope="module")
def faces() -> FaceEstimator:
    return FaceEstimator()


@pytest.fixture(scope="module")
def hands() -> HandEstimator:
    return HandEstimator()


@pytest.fixture(scope="module")
def seen() -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Frame index → picture and pose."""
    estimator = PoseEstimator()
    pictures = dict(read_frames(DEMO, [FRONT, SIDE, BACK]))
    poses = {index: estimator.estimate(picture) for index, picture in pictures.items()}
    return {index: (pictures[index], pose.landmarks) for index, pose in poses.items() if pose is not None}


def test_a_face_has_its_features_where_the_pose_has_them(faces: FaceEstimator, seen) -> None:
    picture, pose = seen[FRONT]
    face = faces.estimate(picture, pose)
    assert face is not None and face.score > 0.9 and face.points.shape == (NUM_POINTS, 2)
    width = np.linalg.norm(pose[7, :2] - pose[8, :2])  # between the ears
    for point, landmark in ((1, 0), (33, 6), (263, 3), (61, 10), (291, 9)):  # nose, eyes' corners, mouth's corners
        assert np.linalg.norm(face.points[point] - pose[landmark, :2]) < 0.25 * width
    assert face.points[10, 1] < face.points[152, 1]  # forehead above chin


def test_a_head_seen_from_behind_has_no_face(faces: FaceEstimator, seen) -> None:
    assert faces.estimate(*seen[BACK]) is None


def test_a_face_is_found_where_left_and_right_are_exchanged(faces: FaceEstimator, seen) -> None:
    picture, pose = seen[FRONT]
    pairs = [(1, 4), (2, 5), (3, 6), (7, 8), (9, 10)]
    mirrored = pose.copy()
    for a, b in pairs:
        mirrored[[a, b]] = pose[[b, a]]
    assert head_region(mirrored) == head_region(pose)
    assert faces.estimate(picture, mirrored) is not None


def test_parts_of_a_few_pixels_are_not_looked_at(faces: FaceEstimator, hands: HandEstimator, seen) -> None:
    picture, pose = seen[FRONT]
    scale = 0.9 * faces.config.min_side_px / head_region(pose).side
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    less = pose * np.array([scale, scale, scale, 1], np.float32)
    assert faces.estimate(small, less) is None
    scale = 0.9 * hands.config.min_side_px / max(hand_region(pose[list(hand), :2]).side for hand in POSE_HANDS)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert hands.estimate(small, pose * np.array([scale, scale, scale, 1], np.float32)) == (None, None)


def test_a_hand_begins_at_the_wrist_and_has_its_fingers_in_order(hands: HandEstimator, seen) -> None:
    picture, pose = seen[SIDE]
    wrist, little, index = pose[list(POSE_HANDS[0]), :2]
    hand, _ = hands.estimate(picture, pose)
    assert hand is not None and hand.score > 0.9
    points, size = hand.points, np.linalg.norm(hand.points[9] - hand.points[0])
    assert np.linalg.norm(points[0] - wrist) < size
    assert np.linalg.norm(points[9] - (index + little) / 2) < size
    for base in (5, 9, 13, 17):  # joints of a finger lie one after the other
        lengths = np.linalg.norm(points[base : base + 4] - points[0], axis=1)
        assert (np.diff(lengths) > 0).all()


def test_a_hand_of_a_hidden_wrist_is_not_looked_for(hands: HandEstimator, seen) -> None:
    picture, pose = seen[BACK]
    hidden = pose.copy()
    hidden[15, 3] = 0.05
    left, right = hands.estimate(picture, hidden)
    assert left is None and right is not None


def test_one_hand_is_not_both_hands(hands: HandEstimator, seen) -> None:
    picture, pose = seen[SIDE]
    same = pose.copy()
    same[[16, 18, 20]] = same[[15, 17, 19]]
    same[16, 3] = same[15, 3] - 0.1
    left, right = hands.estimate(picture, same)
    assert left is not None and right is None
    same[16, 3] = same[15, 3] + 0.1
    left, right = hands.estimate(picture, same)
    assert left is None and right is not None


def test_turned_pictures_have_turned_points(faces: FaceEstimator, hands: HandEstimator, seen) -> None:
    picture, pose = seen[FRONT]
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 25.0, 0.8)
    turned = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    moved = pose.copy()
    moved[:, :2] = pose[:, :2] @ turn[:, :2].T + turn[:, 2]
    for before, after in (
        (faces.estimate(picture, pose), faces.estimate(turned, moved)),
        (hands.estimate(picture, pose)[1], hands.estimate(turned, moved)[1]),
    ):
        assert before is not None and after is not None
        expected = before.points @ turn[:, :2].T + turn[:, 2]
        size = np.ptp(before.points, axis=0).max()
        assert np.median(np.linalg.norm(after.points - expected, axis=1)) < 0.04 * size


def test_the_frame_before_says_where_a_part_is_if_that_agrees() -> None:
    limits = Following(math.radians(15), 0.1, 0.3, 0.1)
    found = Region(100.0, 100.0, 50.0, 0.1)
    points = np.array([[95, 95], [105, 105]], np.float32)
    predicted = Region(103.0, 98.0, 55.0, 0.2)
    before = Part(points, 1.0, found, predicted)
    assert followed(found, None, limits) == found
    assert followed(found, before, limits) == predicted
    for wrong in (
        Region(107.0, 100.0, 50.0, 0.1),
        Region(100.0, 100.0, 80.0, 0.1),
        Region(100.0, 100.0, 50.0, 0.4),
    ):
        assert followed(found, replace(before, next_region=wrong), limits) == found
    assert followed(found, replace(before, points=points + 20), limits) == found
    assert followed(replace(found, angle=3.1), replace(before, next_region=replace(found, angle=-3.1)), limits) != found


def test_what_is_followed_is_where_it_is(faces: FaceEstimator, hands: HandEstimator, seen) -> None:
    picture, pose = seen[FRONT]
    face = faces.estimate(picture, pose)
    again = faces.estimate(picture, pose, face)
    assert face is not None and again is not None and again.region == face.next_region
    size = np.ptp(face.points, axis=0).max()
    assert np.median(np.linalg.norm(again.points - face.points, axis=1)) < 0.02 * size
    both = hands.estimate(picture, pose)
    right = hands.estimate(picture, pose, both)[1]
    assert both[1] is not None and right is not None
    assert np.median(np.linalg.norm(right.points - both[1].points, axis=1)) < 0.05 * np.ptp(right.points, axis=0).max()


def test_a_square_encloses_points_along_a_direction() -> None:
    points = np.array([[0, 0], [4, 0], [4, 2], [0, 2]], np.float64) + 10
    region = Region.enclosing(points, np.array([0.0, -1.0]), 1.5, 0.5)
    assert region == Region(12.0, 10.0, 6.0)
    lying = Region.enclosing(points, np.array([1.0, 0.0]), 1.0, 0.25)
    assert lying.angle == pytest.approx(math.pi / 2) and lying.side == pytest.approx(4.0)
    assert (lying.x, lying.y) == (pytest.approx(13.0), pytest.approx(11.0))
    assert lying.of_picture(lying.to_picture(points)) == pytest.approx(points)


def test_face_anchors() -> None:
    anchors = ssd.anchor_centres(ssd.FACE)
    assert anchors.shape == (896, 2)
    assert anchors[0].tolist() == [0.5 / 16, 0.5 / 16] and anchors[-1].tolist() == [7.5 / 8, 7.5 / 8]


def test_another_model_is_refused_as_pose_model(tmp_path: Path) -> None:
    PoseEstimator(landmark_model=FACE_LANDMARKS.path.with_name("pose_landmark_full.tflite"))
    broken = tmp_path / "heavy.tflite"
    broken.write_bytes(FACE_LANDMARKS.path.with_name("pose_landmark_full.tflite").read_bytes()[:100_000])
    text = tmp_path / "page.html"
    text.write_text("<html>Not found</html>")
    for wrong in (FACE_LANDMARKS.path, broken, text, tmp_path, tmp_path / "none.tflite"):
        with pytest.raises(
            BadInputError, match=r"is not MediaPipe's pose_landmark_heavy\.tflite, or it is damaged: give"
        ):
            PoseEstimator(landmark_model=wrong)


def test_mediapipe_gives_the_same(faces: FaceEstimator, hands: HandEstimator) -> None:
    reference = pytest.importorskip("mediapipe.python.solutions.holistic", exc_type=ImportError)
    estimator = PoseEstimator()
    distances: dict[str, list[np.ndarray]] = {"face": [], "left_hand": [], "right_hand": []}
    agree = []
    with reference.Holistic(static_image_mode=True, model_complexity=1) as solution:
        for _, picture in read_frames(DEMO, list(range(0, 120, 10))):
            result = solution.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            pose = estimator.estimate(picture)
            assert pose is not None
            parts = (faces.estimate(picture, pose.landmarks), *hands.estimate(picture, pose.landmarks))
            for name, mine in zip(distances, parts, strict=True):
                theirs = getattr(result, f"{name}_landmarks")
                agree.append((mine is None) == (theirs is None))
                if mine is not None and theirs is not None:
                    points = np.array([(p.x, p.y) for p in theirs.landmark]) * picture.shape[1::-1]
                    distances[name].append(np.linalg.norm(mine.points - points, axis=1))
    assert np.mean(agree) > 0.8  # both wrists of a hidden hand lead MediaPipe to the same hand
    for found in distances.values():
        assert len(found) > 3 and np.median(found) < 2.0
