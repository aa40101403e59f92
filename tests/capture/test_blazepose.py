"""The default detector's models and decoding; where MediaPipe's own package is installed, both agree."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.capture.blazepose import MODEL_FILES, PoseEstimator, Region, ssd
from fit_avatar.capture.blazepose.landmarks import refine_with_heatmap
from fit_avatar.capture.blazepose.models import FOLDER, Model
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.capture.video import read_frames
from fit_avatar.errors import MissingDependencyError

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "assets" / "demo.mp4"


@pytest.fixture(scope="module")
def estimator() -> PoseEstimator:
    return PoseEstimator()


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    return next(iter(read_frames(DEMO, [10])))[1]


def test_the_model_files_are_those_of_the_table() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {"LICENSE", "NOTICE", *(file.name for file in MODEL_FILES)}
    for file in MODEL_FILES:
        content = file.path.read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
        assert file.name in (FOLDER / "NOTICE").read_text() and file.source.endswith(file.name)
    assert sum(file.size for file in MODEL_FILES) < 20e6
    assert "Apache License" in (FOLDER / "LICENSE").read_text()


def test_a_damaged_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"nothing")
    with pytest.raises(MissingDependencyError, match=r"model\.tflite is missing or damaged: install fit-avatar again"):
        Model(tmp_path / "model.tflite")


def test_anchors_cover_the_picture_evenly() -> None:
    anchors = ssd.anchor_centres()
    assert anchors.shape == (2254, 2)
    assert anchors[0].tolist() == anchors[1].tolist() == pytest.approx([0.5 / 28, 0.5 / 28])
    assert anchors[2].tolist() == pytest.approx([1.5 / 28, 0.5 / 28])  # x runs first
    assert anchors[-1].tolist() == pytest.approx([6.5 / 7, 6.5 / 7])
    assert anchors.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=1e-6)


def test_overlapping_boxes_are_averaged_by_their_scores() -> None:
    boxes, logits = np.zeros((2254, 12), np.float32), np.full(2254, -200.0, np.float32)
    boxes[:, 2:4] = 50.0
    logits[[0, 1, 2253]] = np.log(9.0), np.log(4.0), np.log(1.5)  # scores 0.9, 0.8, and 0.6 far away
    boxes[1, 4:] = 17.0
    points = ssd.best_detection(boxes, logits, 0.5, 0.3)
    assert points is not None
    assert points == pytest.approx(np.full((4, 2), 0.5 / 28 + 0.8 / 1.7 * 17.0 / 224), abs=1e-6)
    assert ssd.best_detection(boxes, logits, 0.95, 0.3) is None


def test_a_landmark_moves_to_the_centre_of_its_heat() -> None:
    logits = np.full((64, 64, 3), -50.0, np.float32)
    logits[20, 33, 0] = logits[20, 34, 0] = 50.0
    logits[20, 33, 1] = -1.0  # not confident
    points = np.array([[0.5, 0.3], [0.5, 0.3], [-0.2, 0.3]], np.float32)
    refined = refine_with_heatmap(points, logits)
    assert refined[0].tolist() == pytest.approx([33.5 / 64, 20 / 64])
    assert refined[1:].tolist() == points[1:].tolist()


def test_a_leaning_person_stands_upright_in_the_region() -> None:
    region = Region.of_person(np.array([60.0, 80.0]), np.array([90.0, 40.0]))
    assert region.side == pytest.approx(2.5 * 50)
    above = region.to_picture(np.array([0.5, 0.5 - 50 / region.side]))
    assert above == pytest.approx([90.0, 40.0])


def test_what_is_cut_out_is_put_back_in_its_place() -> None:
    y, x = np.mgrid[:120, :160]
    picture = np.repeat((x + y).astype(np.uint8)[..., None], 3, axis=2)
    region = Region(80.0, 60.0, 70.0, 0.4)
    values = region.crop(picture, 256, cv2.BORDER_REPLICATE)[..., 0].astype(np.float32)
    back = region.paste(values, 120, 160, 1.0)
    assert np.abs(back - picture[..., 0])[45:75, 65:95].max() < 1.0 and back[0, 0] == 0.0
    half = region.paste(values, 60, 80, 0.5)
    assert np.abs(half - cv2.resize(picture[..., 0], (80, 60), interpolation=cv2.INTER_AREA))[23:37, 33:47].max() < 1.5


def test_nobody_in_an_empty_room(estimator: PoseEstimator) -> None:
    assert estimator.estimate(np.full((120, 90, 3), 128, np.uint8)) is None


def test_a_turned_picture_has_turned_landmarks(estimator: PoseEstimator, frame: np.ndarray) -> None:
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 20.0, 0.8)
    turned = estimator.estimate(cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    pose = estimator.estimate(frame)
    assert pose is not None and turned is not None
    expected = pose.landmarks[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.median(np.linalg.norm(turned.landmarks[:, :2] - expected, axis=1)) < 0.02 * height
    back = turned.world[:, :2] @ (turn[:, :2] / 0.8)  # in metres, turned back
    assert np.median(np.linalg.norm(back - pose.world[:, :2], axis=1)) < 0.04


def test_a_person_is_followed_without_being_searched(estimator: PoseEstimator, frame: np.ndarray) -> None:
    pose = estimator.estimate(frame)
    assert pose is not None
    followed = estimator.estimate(frame, pose.next_region)
    assert followed is not None
    distance = np.linalg.norm(followed.landmarks[:, :2] - pose.landmarks[:, :2], axis=1)
    assert np.median(distance) < 0.01 * len(frame)
    assert estimator.estimate(np.full_like(frame, 128), pose.next_region) is None


def test_metric_landmarks_have_the_size_of_a_person(frame: np.ndarray) -> None:
    with MediaPipeDetector() as detector:
        found = detector.detect(frame)
    assert found is not None and found.world is not None and found.world.shape == (33, 3)
    assert np.abs(found.world[[23, 24]].mean(0)).max() < 0.02
    assert 1.2 < np.ptp(found.world[:, 1]) < 2.0  # from the eyes to the feet


def test_frames_that_are_looked_at_at_once_show_the_same_as_one_after_the_other() -> None:
    frames = list(read_frames(DEMO, [10, 40, 70]))
    with MediaPipeDetector() as detector:
        alone = {index: detector.detect(frame) for index, frame in frames}
    with MediaPipeDetector() as detector:
        together = dict(detector.detect_each([*frames[:2], (-1, np.zeros_like(frames[0][1])), frames[2]]))
    assert list(together) == [10, 40, -1, 70] and together[-1] is None
    for index, one in alone.items():
        other = together[index]
        assert one is not None and other is not None
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_array_equal(one.probability, other.probability)


FORBID_SOCKETS = """
import ctypes, platform, struct, sys
def forbid(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(event)
sys.addaudithook(forbid)
call = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
if sys.platform == "linux" and call:  # native code, too: the kernel ends the process at its first socket
    steps = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    prctl = ctypes.CDLL(None).prctl
    assert prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    prctl(22, 2, program)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER; containers may refuse it
"""


def test_no_connection_is_ever_opened() -> None:
    code = FORBID_SOCKETS + (
        "from pathlib import Path\n"
        "from fit_avatar.capture.mediapipe_pose import MediaPipeDetector\n"
        "from fit_avatar.capture.video import read_frames\n"
        "with MediaPipeDetector() as detector:\n"
        f"    frames = read_frames(Path({str(DEMO)!r}), list(range(0, 120, 4)))\n"
        "    assert all(detector.detect(frame) for _, frame in frames)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""  # the libraries' remarks are not the user's concern


@pytest.mark.skipif(sys.platform != "linux", reason="sockets of native code are forbidden on Linux only")
def test_forbidden_sockets_are_forbidden() -> None:
    code = FORBID_SOCKETS + "import _socket, socket; socket.socket()"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode != 0


def test_mediapipe_gives_the_same(estimator: PoseEstimator) -> None:
    reference = pytest.importorskip("mediapipe.python.solutions.pose", exc_type=ImportError)
    distances, overlaps, metres = [], [], []
    with reference.Pose(static_image_mode=True, model_complexity=1, enable_segmentation=True) as solution:
        for _, picture in read_frames(DEMO, list(range(0, 120, 10))):
            result, pose = solution.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)), estimator.estimate(picture)
            height, width = picture.shape[:2]
            assert pose is not None
            theirs = np.array([(p.x * width, p.y * height) for p in result.pose_landmarks.landmark])
            distances.append(np.linalg.norm(pose.landmarks[:, :2] - theirs, axis=1))
            world = np.array([(p.x, p.y, p.z) for p in result.pose_world_landmarks.landmark])
            metres.append(np.linalg.norm(pose.world - world, axis=1))
            mask, other = pose.probability(height, width, 1.0) > 0.5, result.segmentation_mask > 0.5
            overlaps.append((mask & other).sum() / (mask | other).sum())
    assert np.median(distances) < 0.1 and np.max(distances) < 2.0
    assert np.median(metres) < 0.001
    assert min(overlaps) > 0.995
