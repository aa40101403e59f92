"""People who move: on the floor, in the picture, and as their truth says."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fit_avatar.body import Body, load_body, pose_body
from fit_avatar.body.keypoint_sets import BODY_25_FEET
from fit_avatar.body.skinning import pose_points
from fit_avatar.evaluate import iou
from fit_avatar.visibility.raster import silhouette
from lib.dressed_person import Person, make_person
from lib.motions import CURVES, FPS, HumanMotion
from lib.moved_person import MARGIN, filmed, floor_under, held, placed, write_moved_person
from lib.recordings import JOINTS
from lib.true_clip import read_clip

FRAMES = 60


@pytest.fixture(scope="module")
def anny() -> Body:
    return load_body(16)


@pytest.fixture(scope="module")
def person(anny: Body) -> Person:
    return make_person(anny, 0)


@pytest.fixture(params=list(CURVES))
def motion(request: pytest.FixtureRequest) -> HumanMotion:
    return CURVES[request.param].make(FRAMES)


def test_curves_bend_joints_as_people_can_and_without_jerks(motion: HumanMotion):
    for side, sign in (("left", -1), ("right", 1)):
        knee, elbow = (motion.poses[:, JOINTS.index(f"{side}_{name}")] for name in ("knee", "elbow"))
        assert knee[:, 0].min() > -1e-6
        assert np.abs(knee[:, 1:]).max() < 1e-6
        assert (sign * elbow[:, 1]).min() > 0
        assert max(knee[:, 0].max(), (sign * elbow[:, 1]).max()) < np.radians(140)
    turns = [Rotation.from_rotvec(motion.poses[:, j]) for j in range(len(JOINTS))]
    steps = np.stack([(turn[:-1].inv() * turn[1:]).magnitude() for turn in turns])
    assert np.radians(2) < steps.max() < np.radians(25)
    assert np.ptp(motion.poses, axis=0).max() > np.radians(40)


def test_people_stand_on_the_floor_and_do_not_slide(anny: Body, person: Person, motion: HumanMotion):
    state = placed(anny, person, motion)
    lowest = pose_body(anny, state).vertices[..., 1].amin(1)
    assert lowest.abs().amax() < 0.015
    soles = pose_points(anny, state, anny.keypoint_points)[:, list(BODY_25_FEET)].numpy()
    speed = FPS * np.linalg.norm(np.diff(soles[..., [0, 2]], axis=0), axis=-1)
    assert speed.min(1).max() < 0.6
    assert np.median(speed.min(1)) < 0.08


def test_the_whole_motion_is_in_the_picture_and_nearly_fills_it(anny: Body, person: Person):
    still = CURVES["reach"].make(FRAMES)
    places = still.places + np.linspace(0, 2, FRAMES)[:, None] * [0, 0, 1.0]
    steps = HumanMotion(still.root, still.poses, places, np.zeros((FRAMES, 2)))
    for motion, facing in ((still, 0.0), (steps, 70.0)):
        film = filmed(anny, placed(anny, person, motion), facing, 240)
        points = film.camera.project(pose_body(anny, film.state).vertices.reshape(-1, 3)) / torch.tensor(
            [film.camera.width, film.camera.height]
        )
        assert points.amin() >= MARGIN - 1e-4
        assert points.amax() <= 1 - MARGIN + 1e-4
        assert (points.amax(0) - points.amin(0)).amax() > 0.7
        assert torch.allclose(film.up, torch.tensor([0.0, -1.0, 0.0]), atol=0.1)


def test_what_stands_is_held_and_what_flies_is_left_alone():
    steps = np.zeros((5, 2, 2))
    steps[:, 0, 0] = [0, 1, 2, 3, 4]
    stands = np.zeros((5, 2))
    stands[:3, 0] = 1
    assert held(steps, stands)[:, 0] == pytest.approx([0, -1, -2, -2, -2], abs=0.1)
    lowest, firm = np.array([0.0, 0, 0, 0.3, 0.4, 0.3, 0, 0, 0]), np.array([1.0, 1, 1, 0, 0, 0, 1, 1, 1])
    assert np.abs(floor_under(lowest, firm)).max() < 1e-9
    assert floor_under(lowest + 0.1, firm) == pytest.approx(0.1)


def test_a_clip_shows_what_its_truth_says(tmp_path: Path):
    motion = CURVES["kick"].make(11)
    folder = write_moved_person(tmp_path / "kick", 1, motion, 40.0, "kick", 160)
    clip = read_clip(folder)
    assert list(clip.surfaces) == [0, 10]
    assert clip.joints.shape == (11, 24, 3)
    for index, mesh in clip.surfaces.items():
        mask = cv2.imread(str(folder / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE) > 0
        drawn = silhouette(torch.from_numpy(mesh.vertices).float(), torch.from_numpy(mesh.faces), clip.camera)
        assert iou(drawn.numpy(), mask) > 0.97
        assert (mesh.vertices @ clip.up).min() == pytest.approx((clip.surfaces[0].vertices @ clip.up).min(), abs=0.02)
    written = (folder / "video.mp4").stat().st_mtime_ns
    assert write_moved_person(folder, 1, motion, 40.0, "kick", 160) == folder
    assert (folder / "video.mp4").stat().st_mtime_ns == written
