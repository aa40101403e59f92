"""Directions of limbs where keypoints of another program are given."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import write_masks, write_openpose
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture import Camera, Capture, blazepose
from fit_avatar.capture.given_limbs import DEFAULT_GIVEN_LIMBS, agreeing, find_limbs, known_limbs, region_of
from fit_avatar.capture.limb_directions import limb_directions
from fit_avatar.capture.mediapipe_pose import Detection, MediaPipeDetector
from fit_avatar.capture.point_sets import WORLD
from fit_avatar.capture.source import Source
from fit_avatar.capture.types import Image
from fit_avatar.capture.video import read_frames
from fit_avatar.errors import MissingDependencyError

DEMO = Path(__file__).parents[2] / "assets" / "demo.mp4"
CAMERA = Camera(1500.0, 1500.0, 540.0, 540.0, 1080, 1080)
FRAMES = list(range(0, 120, 20))


@pytest.fixture(scope="module")
def pictures() -> dict[int, Image]:
    return dict(read_frames(DEMO, FRAMES))


@pytest.fixture(scope="module")
def found(pictures: dict[int, Image]) -> dict[int, Detection]:
    with MediaPipeDetector() as detector:
        seen = {index: detector.detect(picture) for index, picture in pictures.items()}
    return {index: detection for index, detection in seen.items() if detection is not None}


def captured(found: dict[int, Detection]) -> Capture:
    points = np.stack([detection.keypoints for detection in found.values()])
    indices = np.array(list(found), np.int64)
    return Capture(
        keypoints=points, masks=np.ones((len(points), 1080, 1080), bool), camera=CAMERA, frame_indices=indices,
        frame_weights=np.ones(len(points), np.float32), fps=25.0,
    )  # fmt: skip


def directions(sets: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    return limb_directions(sets[WORLD]).directions


def metric(found: Detection) -> NDArray[np.float32]:
    assert found.landmarks is not None and found.world is not None
    return np.column_stack([found.world, found.landmarks[:, 3]])


def test_the_model_looks_where_the_keypoints_are(pictures: dict[int, Image], found: dict[int, Detection]) -> None:
    capture = find_limbs(captured(found), pictures.items())
    sets = dict(capture.point_sets)
    own = limb_directions(np.stack([metric(detection) for detection in found.values()]))
    angles = np.degrees(np.arccos(np.clip((directions(sets) * own.directions).sum(-1), -1, 1)))
    assert np.nanmedian(angles) < 5.0
    assert np.isfinite(limb_directions(sets[WORLD]).sigma_rad).mean() > 0.9


def test_what_the_detector_knows_already_is_not_looked_for_again(
    pictures: dict[int, Image], found: dict[int, Detection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blazepose.PoseEstimator, "estimate", None)
    points = {index: detection.keypoints for index, detection in found.items()}
    sets = known_limbs(points, found)
    assert all((sets[WORLD][row, :, :3] == d.world).all() for row, d in enumerate(found.values()))


def test_somebody_else_in_the_picture_gives_nothing(found: dict[int, Detection]) -> None:
    one = found[0]
    elsewhere = one.keypoints + np.array([400.0, 0.0, 0.0], np.float32)
    assert known_limbs({0: elsewhere}, {0: one}) == {}
    moved = replace(one, keypoints=elsewhere)
    black = [(0, np.zeros((1080, 1080, 3), np.uint8))]
    assert find_limbs(captured({0: moved}), black).limb_directions is None


def test_left_and_right_are_those_of_the_keypoints(found: dict[int, Detection]) -> None:
    one = found[0]
    assert one.landmarks is not None and one.world is not None
    landmarks, metres = agreeing(one.landmarks, one.world, one.keypoints[list(BODY_25_MIRROR)], DEFAULT_GIVEN_LIMBS)
    assert (metres[[11, 13, 15, 23, 25, 27]] == one.world[[12, 14, 16, 24, 26, 28]]).all()
    assert (landmarks[[11, 25], :2] == one.landmarks[[12, 26], :2]).all()


def test_a_point_that_is_elsewhere_is_not_believed(found: dict[int, Detection]) -> None:
    one = found[0]
    assert one.landmarks is not None and one.world is not None
    body = one.keypoints.copy()
    body[4, 1] -= 200.0  # the right wrist
    landmarks, _ = agreeing(one.landmarks, one.world, body, DEFAULT_GIVEN_LIMBS)
    assert landmarks[16, 3] == 0.0 and (landmarks[[11, 12, 13, 14, 15], 3] > 0.5).all()


def test_the_region_holds_feet_that_are_not_given(found: dict[int, Detection]) -> None:
    body = found[0].keypoints
    feet, lowest = [11, 14, 19, 21, 22, 24], float(body[:, 1].max())
    upper = body.copy()
    upper[feet] = 0
    region = region_of(upper)
    assert region is not None and region.y + region.side / 2 > lowest
    no_hips = body.copy()
    no_hips[[8, 9, 12]] = 0
    region = region_of(no_hips)
    assert region is not None and region.angle == 0 and region.y + region.side / 2 > lowest
    assert region_of(np.zeros((25, 3), np.float32)) is None


@pytest.mark.parametrize("works", [True, False])
def test_given_inputs_get_directions_where_the_models_load(
    pictures: dict[int, Image],
    found: dict[int, Detection],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    works: bool,
) -> None:
    clip = tmp_path / "pictures"
    clip.mkdir()
    for row, picture in enumerate(pictures.values()):
        cv2.imwrite(str(clip / f"{row:03}.png"), picture)
    keypoints = write_openpose(tmp_path / "keypoints", [[d.keypoints] for d in found.values()])
    masks = write_masks(tmp_path / "masks", [cv2.resize(d.probability, (1080, 1080)) > 127 for d in found.values()])
    if not works:

        def fail(*_: object, **__: object) -> None:
            raise MissingDependencyError("no models")

        monkeypatch.setattr(sys.modules["fit_avatar.capture.given_limbs"], "PoseEstimator", fail)
    source = Source.of(video=clip, camera=CAMERA, max_frames=6, keypoints=keypoints, masks=masks, fps=5.0)
    observed = source.observe()
    assert observed.limb_directions is None  # a turn is fitted without them
    capture = source.find_limbs(observed)
    limbs = capture.limb_directions
    assert (limbs is not None) == works
    if limbs is not None:
        assert (limbs.directions[:, limbs.limbs.index("left_knee-left_ankle"), 1] > 0.9).all()
        assert (capture.keypoints[:, 1, 2] > 0).all() and capture.face is None
